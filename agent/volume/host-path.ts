import type { Stats } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { systemErrorCode } from '../host/errors.ts';
import type { SetUpOutcome } from './empty-dir.ts';
import type { HostPathSource } from './volume-source.ts';

interface Check {
  readonly isRight: (stats: Stats) => boolean;
  readonly noun: string;
}

const DIRECTORY: Check = { isRight: stats => stats.isDirectory(), noun: 'a directory' };
const FILE: Check = { isRight: stats => stats.isFile(), noun: 'a file' };

/** core/v1 HostPathType; all checks follow symbolic links. */
const CHECKS: Readonly<Record<string, Check>> = {
  DirectoryOrCreate: DIRECTORY,
  Directory: DIRECTORY,
  FileOrCreate: FILE,
  File: FILE,
  Socket: { isRight: stats => stats.isSocket(), noun: 'a socket file' },
  CharDevice: { isRight: stats => stats.isCharacterDevice(), noun: 'a character device' },
  BlockDevice: { isRight: stats => stats.isBlockDevice(), noun: 'a block device' },
};

/** Checks, and for the two `...OrCreate` types creates, the path on the host. */
export async function ensureHostPath({ path, type = '' }: HostPathSource): Promise<SetUpOutcome> {
  if (path.split('/').includes('..')) {
    return { kind: 'failed', problem: `invalid HostPath \`${path}\`: must not contain '..'` };
  }
  if (type === '') return { kind: 'done' };
  const check = CHECKS[type];
  if (!check) return { kind: 'failed', problem: `${type} is an invalid volume type` };
  let stats = await statOrMissing(path);
  if (!stats && type.endsWith('OrCreate')) {
    await create(path, type);
    stats = await statOrMissing(path);
  }
  if (stats && check.isRight(stats)) return { kind: 'done' };
  return { kind: 'failed', problem: `hostPath type check failed: ${path} is not ${check.noun}` };
}

async function create(path: string, type: string): Promise<void> {
  if (type === 'DirectoryOrCreate') {
    await mkdir(path, { recursive: true, mode: 0o755 });
    return;
  }
  await using file = await open(path, 'a', 0o644);
  await file.chmod(0o644); // the umask must not decide
}

async function statOrMissing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}
