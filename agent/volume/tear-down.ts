// Removes a pod's volumes from what lies on disk, without any memory of their set-up: unmount first, then remove, never
// stepping into a mount. Every step is idempotent, so a killed teardown is finished by the next one.
import type { Dirent } from 'node:fs';
import { readdir, rmdir, unlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { mapHostError, systemErrorCode } from '../host/errors.ts';
import { isWithin, listMounts } from '../host/mount-info.ts';
import { ensureUnmounted, isMountPoint } from '../host/mounts.ts';
import { isNetworkFileSystem, unmountNetworkFileSystem } from '../host/network-unmount.ts';
import { UnavailableError } from '../lib/errors.ts';
import { ifThere } from '../lib/if-there.ts';
import { LASTING_PLUGIN_DIRECTORY, PLUGIN_DIRECTORY, podDirectory } from './pod-directories.ts';

// Volumes whose content is ours or the pod's own: it goes with the pod. Everything else keeps what it holds.
const OWNED_PLUGINS: ReadonlySet<string> = new Set(Object.values(PLUGIN_DIRECTORY));
const MOUNTING_PLUGINS: ReadonlySet<string> = new Set([
  ...OWNED_PLUGINS,
  ...Object.values(LASTING_PLUGIN_DIRECTORY),
]);
const CONCURRENT_REMOVALS = 16;

export interface TearDownOptions {
  readonly signal: AbortSignal;
  /** Nobody knows the pod: a mount that no agent makes may be somebody's, and stays. Else it is the pod's own. */
  readonly isOrphan: boolean;
}

interface Work extends TearDownOptions {
  readonly problems: unknown[];
}

/** Throws an UnavailableError naming what is busy or would lose foreign data; the rest is removed nevertheless. */
export async function tearDownVolumes(
  rootDir: string,
  podUID: string,
  { signal, isOrphan }: TearDownOptions,
): Promise<void> {
  const podDir = podDirectory(rootDir, podUID);
  const problems: unknown[] = [];
  const work: Work = { problems, signal, isOrphan };
  for (const step of [removeMarkers, removeSubPaths, removeDeviceLinks, removeVolumes]) {
    signal.throwIfAborted();
    await step(podDir, work);
  }
  if (problems.length > 0) throw mapHostError(problems[0]);
}

// First, so that a volume that is half gone is never taken for a ready one.
async function removeMarkers(podDir: string, { problems }: Work): Promise<void> {
  await collect(problems, () => removeTree(join(podDir, 'plugins')));
}

// Bind mounts inside a volume go before the volume.
async function removeSubPaths(podDir: string, work: Work): Promise<void> {
  const subPaths = join(podDir, 'volume-subpaths');
  if ((await listEntries(subPaths)).length === 0) return;
  await unmountBelow(subPaths, work, () => true);
  await collect(work.problems, () => removeMountTargets(subPaths));
}

// volumeDevices/<plugin>/<volume>: links to devices, which stay.
async function removeDeviceLinks(podDir: string, { problems }: Work): Promise<void> {
  await collect(problems, () => removeTree(join(podDir, 'volumeDevices')));
}

async function removeVolumes(podDir: string, work: Work): Promise<void> {
  const { problems, isOrphan } = work;
  const volumes = join(podDir, 'volumes');
  const isOurs = (target: string): boolean => !isOrphan || isVolumeRoot(volumes, target);
  await unmountBelow(volumes, work, isOurs);
  for (const plugin of await listEntries(volumes)) {
    const pluginDir = join(volumes, plugin.name);
    const remove = OWNED_PLUGINS.has(plugin.name) ? removeTree : removeEmpty;
    for (const volume of await listEntries(pluginDir))
      await collect(problems, () => remove(join(pluginDir, volume.name)));
    if (problems.length === 0) await collect(problems, () => removeEmpty(pluginDir));
  }
  if (problems.length === 0) await collect(problems, () => removeEmpty(volumes));
}

/** volumes/<plugin>/<volume> of a plugin of ours. */
function isVolumeRoot(volumes: string, target: string): boolean {
  const [plugin = '', ...rest] = relative(volumes, target).split('/');
  return rest.length === 1 && MOUNTING_PLUGINS.has(plugin);
}

async function unmountBelow(
  directory: string,
  { problems, signal }: Work,
  isOurs: (target: string) => boolean,
): Promise<void> {
  const mounts = (await listMounts()).filter(({ target }) => isWithin(target, directory) && isOurs(target));
  const fsTypes = new Map(mounts.map(({ target, fsType }) => [target, fsType]));
  // A child comes after its parent in mountinfo.
  for (const [target, fsType] of [...fsTypes].toReversed()) {
    const unmount = (): Promise<void> =>
      isNetworkFileSystem(fsType) ? unmountNetworkFileSystem(target, { signal }) : ensureUnmounted(target);
    await collect(problems, unmount);
  }
}

/** Removes a directory with its content; a mount anywhere below stops it before anything of that mount is touched. */
async function removeTree(directory: string): Promise<void> {
  if (await isMountPoint(directory)) throw stillMounted(directory);
  const entries = await listEntries(directory);
  for (let start = 0; start < entries.length; start += CONCURRENT_REMOVALS) {
    const batch = entries.slice(start, start + CONCURRENT_REMOVALS);
    await Promise.all(batch.map(entry => removeEntry(join(directory, entry.name), entry)));
  }
  await removeEmpty(directory);
}

async function removeEntry(path: string, entry: Dirent): Promise<void> {
  if (entry.isDirectory()) await removeTree(path);
  else await ifThere(unlink(path));
}

/** volume-subpaths/<volume>/<container>/<index>: empty directories and empty files, nothing else. */
async function removeMountTargets(directory: string): Promise<void> {
  for (const entry of await listEntries(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await removeMountTargets(path);
    else if (await isMountPoint(path)) throw stillMounted(path);
    else await ifThere(unlink(path));
  }
  await removeEmpty(directory);
}

async function removeEmpty(directory: string): Promise<void> {
  try {
    await ifThere(rmdir(directory));
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOTEMPTY') throw error;
    throw new UnavailableError(`${directory} still holds data and is left alone`, {
      code: 'ENOTEMPTY',
      cause: error,
    });
  }
}

function stillMounted(path: string): UnavailableError {
  return new UnavailableError(`${path} is still mounted`, { code: 'EBUSY' });
}

async function collect(problems: unknown[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    problems.push(error);
  }
}

async function listEntries(directory: string): Promise<readonly Dirent[]> {
  return (await ifThere(readdir(directory, { withFileTypes: true }))) ?? [];
}
