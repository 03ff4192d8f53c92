import { chmod, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureMount, ensureTmpfs, isMountPoint } from '../host/mounts.ts';
import { pathExists } from '../lib/if-there.ts';
import { applyGroupOwnership } from './ownership.ts';
import { DIRECTORY_MODE } from './pod-directories.ts';
import type { EmptyDirSource } from './volume-source.ts';

const EMPTY_DIR_MODE = 0o777;
/** The kernel's own mode of a tmpfs root. */
const TMPFS_MODE = 0o1777;

export interface EmptyDirRequest {
  readonly directory: string;
  /** Holds the `ready` marker. */
  readonly metadataDirectory: string;
  readonly source: EmptyDirSource;
  /** Limit of a tmpfs. */
  readonly sizeBytes: number | undefined;
  /** Of a hugetlbfs; undefined for every other medium. */
  readonly pageBytes: number | undefined;
  readonly fsGroup: number | undefined;
}

export type SetUpOutcome = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly problem: string };

/** Creates the directory or tmpfs once; content of an earlier call stays as it is. */
export async function ensureEmptyDir(request: EmptyDirRequest): Promise<SetUpOutcome> {
  const medium = request.source.medium ?? '';
  if (medium !== '' && medium !== 'Memory' && request.pageBytes === undefined) {
    return { kind: 'failed', problem: `emptyDir medium "${medium}" is not supported by this node` };
  }
  if (await isReady(request, medium)) return { kind: 'done' };
  await ensureDirectory(request.directory);
  // The pod's own space, without restrictions, as on disk.
  if (medium === 'Memory')
    await ensureTmpfs(request.directory, { ...buildTmpfsOptions(request.sizeBytes), flags: 0 });
  if (request.pageBytes !== undefined) await mountHugePages(request.directory, request.pageBytes);
  if (request.fsGroup !== undefined) {
    await applyGroupOwnership(request.directory, { fsGroup: request.fsGroup, isReadOnly: false });
  }
  await mkdir(request.metadataDirectory, { recursive: true, mode: DIRECTORY_MODE });
  await writeFile(join(request.metadataDirectory, 'ready'), '', { mode: 0o644 });
  return { kind: 'done' };
}

async function mountHugePages(target: string, pageBytes: number): Promise<void> {
  const data = `pagesize=${pageBytes},mode=${EMPTY_DIR_MODE.toString(8)}`;
  await ensureMount({ source: 'nodev', target, fsType: 'hugetlbfs', data });
}

/** How every tmpfs of a volume is mounted. */
export function buildTmpfsOptions(sizeBytes: number | undefined): Parameters<typeof ensureTmpfs>[1] {
  return { mode: TMPFS_MODE, isNoSwap: true, ...(sizeBytes !== undefined && { sizeBytes }) };
}

async function isReady({ directory, metadataDirectory }: EmptyDirRequest, medium: string): Promise<boolean> {
  if (!(await pathExists(join(metadataDirectory, 'ready')))) return false;
  if (medium === '' ? await pathExists(directory) : await isMountPoint(directory)) return true;
  // A reboot empties a tmpfs, a person may remove the directory: then it is made anew.
  await rm(metadataDirectory, { recursive: true, force: true });
  return false;
}

/** A volume's own directory: open to the pod's users, below parents that only root enters. */
export async function ensureDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  const { mode } = await stat(directory);
  if ((mode & 0o777) !== EMPTY_DIR_MODE) await chmod(directory, EMPTY_DIR_MODE);
}
