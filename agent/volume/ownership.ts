// fsGroup: a volume's files are given to the pod's group (core/v1 PodSecurityContext.fsGroup).

import type { Stats } from 'node:fs';
import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const KEEP_USER = -1;
const READ_WRITE_BITS = 0o660;
const READ_ONLY_BITS = 0o440;
// Who may list must be able to enter, and new files inherit the group.
const DIRECTORY_BITS = 0o2110;

export interface GroupOwnership {
  readonly fsGroup: number;
  readonly isReadOnly: boolean;
}

export interface GroupPolicy {
  readonly fsGroup: number;
  /** fsGroupChangePolicy OnRootMismatch: nothing is walked when the root says that an earlier walk was finished. */
  readonly isOnRootMismatchOnly: boolean;
}

/** The same for a volume that outlives its pod, read-write, as its policy says. */
export async function applyGroupPolicy(directory: string, policy: GroupPolicy): Promise<void> {
  const ownership = { fsGroup: policy.fsGroup, isReadOnly: false };
  if (policy.isOnRootMismatchOnly && isDone(await lstat(directory), ownership)) return;
  await applyGroupOwnership(directory, ownership);
}

/** Whether an earlier walk got as far as the root, which is last. */
function isDone(root: Stats, ownership: GroupOwnership): boolean {
  return (
    root.gid === ownership.fsGroup && buildGroupMode(root.mode, true, ownership) === (root.mode & 0o7777)
  );
}

/** Gives everything below `directory` to the group, the directory itself last: its own state tells a finished walk. */
export async function applyGroupOwnership(directory: string, ownership: GroupOwnership): Promise<void> {
  await applyToTree(directory, await lstat(directory), ownership);
}

async function applyToTree(path: string, stats: Stats, ownership: GroupOwnership): Promise<void> {
  if (stats.isDirectory()) {
    for (const name of await readdir(path)) {
      const child = join(path, name);
      await applyToTree(child, await lstat(child), ownership);
    }
  }
  await lchown(path, KEEP_USER, ownership.fsGroup);
  // chmod would follow the link and change a file that may be somebody else's.
  if (!stats.isSymbolicLink()) await chmod(path, buildGroupMode(stats.mode, stats.isDirectory(), ownership));
}

/** The mode with the group's bits added; none is ever taken away. */
export function buildGroupMode(mode: number, isDirectory: boolean, { isReadOnly }: GroupOwnership): number {
  const groupBits = isReadOnly ? READ_ONLY_BITS : READ_WRITE_BITS;
  return (mode & 0o7777) | groupBits | (isDirectory ? DIRECTORY_BITS : 0);
}
