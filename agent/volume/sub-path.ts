// subPath: one file or directory of a volume, bound to a place of its own, which the container gets in the volume's
// stead. The containers of the pod may change the volume at any moment: see host/open-below.ts.
import type { Stats } from 'node:fs';
import { lstat, mkdir, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ensureBindMount, ensureUnmounted, isMountPoint } from '../host/mounts.ts';
import { createBelow, descriptorPath, openBelow, resolveBelow } from '../host/open-below.ts';
import { ifThere } from '../lib/if-there.ts';
import { DIRECTORY_MODE } from './pod-directories.ts';

export interface SubPathRequest {
  /** The volume's directory on this node. */
  readonly volumePath: string;
  /** Relative, without `..`: see `subPathProblem`. */
  readonly subPath: string;
  /** Where it is bound: `volume-subpaths/<volume>/<container>/<index>` of the pod's directory. */
  readonly target: string;
}

export type SubPathOutcome =
  | { readonly kind: 'ready' }
  /** `cause` is for the log alone: the pod's owner learns nothing about the host's files. */
  | { readonly kind: 'failed'; readonly step: 'create' | 'prepare'; readonly cause: unknown };

const TARGET_FILE_MODE = 0o640;

/** Why a path cannot be a subPath of any volume; undefined when it can. */
export function subPathProblem(subPath: string): string | undefined {
  if (subPath.startsWith('/')) return `error SubPath \`${subPath}\` must not be an absolute path`;
  if (!subPath.split('/').includes('..')) return undefined;
  return `unable to provision SubPath \`${subPath}\`: must not contain '..'`;
}

/** Creates the subPath as a directory if nothing is there, and binds it to its target; idempotent. */
export async function ensureSubPath(request: SubPathRequest): Promise<SubPathOutcome> {
  try {
    await ensureExists(request);
  } catch (cause) {
    return { kind: 'failed', step: 'create', cause };
  }
  try {
    await bind(request);
    return { kind: 'ready' };
  } catch (cause) {
    return { kind: 'failed', step: 'prepare', cause };
  }
}

async function ensureExists({ volumePath, subPath }: SubPathRequest): Promise<void> {
  const path = await resolveBelow(volumePath, subPath);
  if (path.missing.length === 0) return;
  // As open as the volume itself, with its setgid bit: who may write there may write here.
  const { mode } = await stat(path.root);
  await createBelow(path, mode & 0o7777);
}

async function bind({ volumePath, subPath, target }: SubPathRequest): Promise<void> {
  await using source = await openBelow(await resolveBelow(volumePath, subPath));
  await prepareTarget(target, await source.stat());
  await ensureBindMount({ source: descriptorPath(source), target });
}

/** Whatever an earlier start left at the target and is not what is wanted now goes away. */
async function prepareTarget(target: string, source: Stats): Promise<void> {
  if (await isMountPoint(target)) {
    const { dev, ino } = await stat(target);
    if (dev === source.dev && ino === source.ino) return;
    await ensureUnmounted(target);
  }
  const isDirectory = (await ifThere(lstat(target)))?.isDirectory();
  if (isDirectory === source.isDirectory()) return;
  if (isDirectory !== undefined) await (isDirectory ? rmdir(target) : unlink(target));
  await mkdir(source.isDirectory() ? target : dirname(target), { recursive: true, mode: DIRECTORY_MODE });
  if (!source.isDirectory()) await writeFile(target, '', { mode: TARGET_FILE_MODE });
}
