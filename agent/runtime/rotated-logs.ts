// A container's log on disk: `0.log`, written now, and what was rotated away: `0.log.20060102-150405`, packed as `.gz`.

import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface RotatedLog {
  readonly path: string;
  readonly isCompressed: boolean;
}

export const COMPRESSED_SUFFIX = '.gz';
export const TEMPORARY_SUFFIX = '.tmp';

/** Oldest first. */
export async function listRotatedLogs(logPath: string): Promise<readonly RotatedLog[]> {
  const directory = dirname(logPath);
  return selectRotatedLogs(await readdir(directory), basename(logPath)).map(log => ({
    ...log,
    path: join(directory, log.path),
  }));
}

/** Times in names sort by themselves. Where packing was cut short both forms are there, and the plain one is whole. */
export function selectRotatedLogs(names: readonly string[], base: string): readonly RotatedLog[] {
  const plain = new Set(names);
  return names
    .filter(name => /^\.\d{8}-\d{6}(?:\.gz)?$/.test(name.startsWith(base) ? name.slice(base.length) : ''))
    .map(path => ({ path, isCompressed: path.endsWith(COMPRESSED_SUFFIX) }))
    .filter(({ path, isCompressed }) => !isCompressed || !plain.has(path.slice(0, -COMPRESSED_SUFFIX.length)))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
