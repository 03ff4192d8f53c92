// Opens what lies below a directory that somebody else may change meanwhile: each element below the descriptor of the
// one before, and no link is followed, so that nothing swapped in underway can lead out (CVE-2021-25741).
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readlink, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { InvalidError } from '../lib/errors.ts';
import { ifThere } from '../lib/if-there.ts';
import { mapped, systemErrorCode } from './errors.ts';
import { isWithin } from './mount-info.ts';

const O_PATH = 0o10000000; // open(2); the same on x64 and arm64, and node: has no name for it
const LOOK = O_PATH | constants.O_NOFOLLOW;

/** What lies below a directory as it stands now, links resolved. */
export interface PathBelow {
  /** The directory without links. */
  readonly root: string;
  /** Elements below the root, none of which was a link. */
  readonly existing: readonly string[];
  /** The elements behind these that are not there. */
  readonly missing: readonly string[];
}

/** Where `path` leads below `directory`. A path that leads out of it is an InvalidError. */
export async function resolveBelow(directory: string, path: string): Promise<PathBelow> {
  const root = await mapped(realpath(directory));
  const elements = path.split('/').filter(element => element !== '' && element !== '.');
  for (let count = elements.length; count > 0; count--) {
    const real = await ifThere(realpath(join(root, ...elements.slice(0, count))));
    if (real === undefined) continue;
    checkWithin(real, root);
    const existing = relative(root, real).split('/');
    return { root, existing: existing.filter(Boolean), missing: elements.slice(count) };
  }
  return { root, existing: [], missing: elements };
}

/** A descriptor (O_PATH) of what stands at the end of the elements, which may have become something else since. */
export async function openBelow({ root, existing }: PathBelow): Promise<FileHandle> {
  let current = await mapped(open(root, LOOK));
  for (const element of existing) current = await stepInto(current, parent => openChild(parent, element));
  try {
    checkWithin(await readlink(descriptorPath(current)), root); // a directory may have been moved away
    return current;
  } catch (error) {
    await current.close();
    throw error;
  }
}

/** Creates the missing elements as directories of this mode, whatever the umask. */
export async function createBelow(path: PathBelow, mode: number): Promise<void> {
  let current = await openBelow(path);
  for (const element of path.missing) {
    current = await stepInto(current, parent => createChild(parent, element, mode));
  }
  await current.close();
}

/** A path to what a descriptor stands for, without a look at the way that led there. */
export function descriptorPath(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}

async function stepInto(
  parent: FileHandle,
  next: (parent: FileHandle) => Promise<FileHandle>,
): Promise<FileHandle> {
  try {
    return await mapped(next(parent));
  } finally {
    await parent.close();
  }
}

async function openChild(parent: FileHandle, element: string): Promise<FileHandle> {
  const child = await open(`${descriptorPath(parent)}/${element}`, LOOK);
  if (!(await child.stat()).isSymbolicLink()) return child;
  await child.close();
  throw new InvalidError(`${element} has become a symbolic link`, { code: 'ELOOP' });
}

async function createChild(parent: FileHandle, element: string, mode: number): Promise<FileHandle> {
  const isCreated = await createDirectory(`${descriptorPath(parent)}/${element}`, mode);
  const child = await openChild(parent, element);
  if (isCreated) await chmod(descriptorPath(child), mode);
  return child;
}

async function createDirectory(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false; // a link that leads nowhere is found when it is opened
    throw error;
  }
}

function checkWithin(path: string, root: string): void {
  if (!isWithin(path, root))
    throw new InvalidError(`${path} is not below ${root}`, { code: 'OutsideVolume' });
}
