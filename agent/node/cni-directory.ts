// The runtime's CNI configuration directory: what lies in it, and our one file.
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CONFLIST_NAME } from '../../cni/build-conflist.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { ifThere } from '../lib/if-there.ts';

export interface CNIDirectoryContent {
  readonly fileNames: readonly string[];
  readonly ownContent: string | undefined;
}

/** A directory that is not there is an empty one. */
export async function readCNIDirectory(path: string): Promise<CNIDirectoryContent> {
  const fileNames = (await ifThere(readdir(path))) ?? [];
  if (!fileNames.includes(CONFLIST_NAME)) return { fileNames, ownContent: undefined };
  const ownContent = await ifThere(readFile(join(path, CONFLIST_NAME), 'utf8'));
  return { fileNames, ownContent };
}

/** Differs when a file came, went or was written: watching a directory also wakes for nothing now and then. */
export async function readFingerprint(path: string): Promise<string> {
  const fileNames = (await ifThere(readdir(path))) ?? [];
  const facts = await Promise.all(
    fileNames.toSorted().map(async name => {
      const found = await stat(join(path, name)).catch(() => undefined); // gone by now, or a link to nowhere
      return `${name} ${found?.ino} ${found?.size} ${found?.mtimeMs}`;
    }),
  );
  return facts.join('\n');
}

/**
 * By a rename inside the directory: containerd looks again on renames, not on new files, and must never see half a
 * file. The temporary name ends in `.tmp`, which no runtime loads.
 */
export async function writeConflist(path: string, content: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
  await writeFileAtomic(join(path, CONFLIST_NAME), content, 0o644);
}

/** Whether a plugin's program is in one of the directories. */
export async function hasPlugin(directories: readonly string[], name: string): Promise<boolean> {
  const found = await Promise.all(directories.map(directory => ifThere(stat(join(directory, name)))));
  return found.some(facts => facts?.isFile());
}

/** Whether there was one. */
export async function removeConflist(path: string): Promise<boolean> {
  const removed = rm(join(path, CONFLIST_NAME)).then(() => true);
  return (await ifThere(removed)) ?? false;
}
