// How full file systems and directories are: statfs(2) for what has a limit of its own, a walk for what has not.
import type { Stats } from 'node:fs';
import { lstat, readdir, statfs } from 'node:fs/promises';
import { mapped, systemErrorCode } from './errors.ts';

export interface FilesystemUsage {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly usedBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
  readonly inodesUsed: number;
}

export interface DirectoryUsage {
  readonly usedBytes: number;
  readonly inodesUsed: number;
}

const BLOCK_BYTES = 512; // st_blocks, whatever the file system's own block is

export async function readFilesystem(path: string): Promise<FilesystemUsage> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await mapped(statfs(path));
  return {
    capacityBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodes: files,
    inodesFree: ffree,
    inodesUsed: files - ffree,
  };
}

/** As du(1) -x counts: blocks, hard links once, no other file system. Zero when it is gone. */
export async function readDirectoryUsage(path: string): Promise<DirectoryUsage> {
  const root = await lstatIfThere(path);
  if (!root) return { usedBytes: 0, inodesUsed: 0 };
  return await addUp(path, root, { device: root.dev, seen: new Set<number>() });
}

/** Whether the directory is on another file system than its parent. */
export async function isMountPoint(path: string): Promise<boolean> {
  const [own, parent] = await Promise.all([lstatIfThere(path), lstatIfThere(`${path}/..`)]);
  return own !== undefined && parent !== undefined && own.dev !== parent.dev;
}

interface Walk {
  readonly device: number;
  /** Inodes with more than one name that were counted already. */
  readonly seen: Set<number>;
}

async function addUp(path: string, stats: Stats, walk: Walk): Promise<DirectoryUsage> {
  if (stats.dev !== walk.device) return { usedBytes: 0, inodesUsed: 0 };
  if (!stats.isDirectory()) {
    if (stats.nlink > 1 && walk.seen.has(stats.ino)) return { usedBytes: 0, inodesUsed: 0 };
    if (stats.nlink > 1) walk.seen.add(stats.ino);
    return { usedBytes: stats.blocks * BLOCK_BYTES, inodesUsed: 1 };
  }
  let usedBytes = stats.blocks * BLOCK_BYTES;
  let inodesUsed = 1;
  for (const name of await namesIn(path)) {
    // One after the other: a walk through a large volume must leave the thread pool to others.
    const child = `${path}/${name}`;
    const childStats = await lstatIfThere(child);
    if (!childStats) continue;
    const usage = await addUp(child, childStats, walk);
    usedBytes += usage.usedBytes;
    inodesUsed += usage.inodesUsed;
  }
  return { usedBytes, inodesUsed };
}

async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

// Files come and go while they are counted.
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '');
}
