// configMap, secret, downwardAPI and projected on disk: their backing store, then the files, published atomically.
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureTmpfs, isMountPoint } from '../host/mounts.ts';
import { restorePublished, writePayload } from './atomic-writer.ts';
import { buildTmpfsOptions, ensureDirectory } from './empty-dir.ts';
import { applyGroupOwnership } from './ownership.ts';
import type { Payload } from './payload.ts';

export interface ContentVolumeRequest {
  readonly directory: string;
  readonly payload: Payload;
  /** Secrets and tokens never reach a disk. */
  readonly isInMemory: boolean;
  /** Limit of the tmpfs. */
  readonly sizeBytes: number | undefined;
  /** Directories other volumes are mounted on, relative. */
  readonly nestedMountPoints: readonly string[];
  readonly fsGroup: number | undefined;
  readonly nowMs: number;
}

/** Sets the volume up, or brings its files up to date. */
export async function ensureContentVolume(request: ContentVolumeRequest): Promise<'written' | 'unchanged'> {
  const { directory, payload, nowMs, fsGroup } = request;
  const options = { nowMs, isOnDisk: !request.isInMemory };
  await ensureDirectory(directory);
  if (request.isInMemory && !(await isMountPoint(directory))) {
    await ensureTmpfs(directory, buildTmpfsOptions(request.sizeBytes));
  }
  for (const path of request.nestedMountPoints) await ensureNestedMountPoint(join(directory, path));
  if (fsGroup === undefined) return await writePayload(directory, payload, options);
  // The whole volume and not the new generation alone: its root and nested mount points belong to the group as well.
  const beforePublish = (): Promise<void> => applyGroupOwnership(directory, { fsGroup, isReadOnly: true });
  return await writePayload(directory, payload, { ...options, beforePublish });
}

/** Whether the volume holds content of an earlier set-up, all of it, which pods may go on with. */
export async function hasPublishedContent(directory: string): Promise<boolean> {
  return await restorePublished(directory).catch(() => false); // an unreadable volume has none to go on with
}

async function ensureNestedMountPoint(path: string): Promise<void> {
  const created = await mkdir(path, { recursive: true, mode: 0o755 });
  if (created !== undefined) await chmod(path, 0o755); // the umask must not decide
}
