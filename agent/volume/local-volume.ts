// Local PersistentVolumes: a directory bound into the pod, the file system on a device, or the device itself.
import type { Stats } from 'node:fs';
import { lstat, mkdir, readdir, readlink, realpath, rm, rmdir, stat, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { mapped, systemErrorCode } from '../host/errors.ts';
import { ensureFormattedMount, ensureMountOptions } from '../host/formatted-mount.ts';
import { isWithin, listMounts } from '../host/mount-info.ts';
import { ensureBindMount, ensureUnmounted, isMountPoint } from '../host/mounts.ts';
import { applyGroupPolicy } from './ownership.ts';
import type { BoundVolume } from './persistent-volumes.ts';
import {
  DIRECTORY_MODE,
  lastingVolumeDirectory,
  localDeviceMount,
  podDeviceLink,
} from './pod-directories.ts';
import type { FailedVolume, VolumeEvent, VolumeOutcome } from './prepared-volume.ts';

export interface LocalSource {
  readonly path: string;
  readonly fsType?: string;
}

const DEFAULT_FS_TYPE = 'ext4';

/** Binds the directory, or the file system of the device, to the pod's place for it. */
export async function ensureLocalVolume(
  bound: BoundVolume,
  local: LocalSource,
  options: readonly string[],
  { signal }: { signal: AbortSignal },
): Promise<VolumeOutcome> {
  const { volume, rootDir, podUID, isReadOnly, group } = bound;
  const { name } = volume.metadata;
  const failed = (problem: string): FailedVolume => ({ kind: 'failed', problem, specName: name });
  const found = await statOrProblem(local.path);
  if (typeof found === 'string') return failed(found);
  if (!found.isDirectory() && !found.isBlockDevice())
    return failed('only directory and block device are supported');
  let source = local.path;
  if (found.isBlockDevice()) {
    source = localDeviceMount(rootDir, name);
    const fsType = local.fsType ?? DEFAULT_FS_TYPE;
    await ensureFormattedMount(
      { device: local.path, target: source, fsType, options, isReadOnly },
      { signal },
    );
  }
  const hostPath = lastingVolumeDirectory(rootDir, podUID, 'local', name);
  await mkdir(hostPath, { recursive: true, mode: DIRECTORY_MODE });
  const wasMounted = await isMountPoint(hostPath);
  await ensureBindMount({ source, target: hostPath, isReadOnly });
  if (options.length > 0) {
    const ofPod = isReadOnly ? [...options, 'ro'] : options;
    await ensureMountOptions({ target: hostPath, options: ofPod }, { signal });
  }
  const prepared = {
    kind: 'mount',
    directoryName: name,
    hostPath,
    isReadOnly,
    needsSELinuxRelabel: true,
  } as const;
  if (isReadOnly || !group) return { kind: 'ready', volume: prepared };
  if (await isSharedWithOtherPods(hostPath, rootDir)) {
    const { gid } = await stat(source);
    if (gid === group.fsGroup) return { kind: 'ready', volume: prepared };
    return { kind: 'ready', volume: prepared, warning: notShareable(name, group.fsGroup, gid) };
  }
  // Set up before: only a walk that was cut short is done again, which the root tells.
  const isOnRootMismatchOnly = group.isOnRootMismatchOnly || wasMounted;
  await applyGroupPolicy(hostPath, { ...group, isOnRootMismatchOnly });
  return { kind: 'ready', volume: prepared };
}

/** Unmounts the file systems of devices that no pod has any more. Not while `ensureLocalVolume` runs for one of them. */
export async function unmountUnusedDevices(rootDir: string): Promise<void> {
  const directory = localDeviceMount(rootDir, '');
  const names = await readdir(directory).catch(() => []); // most nodes have none
  if (names.length === 0) return;
  const mounts = await listMounts();
  const inPods = new Set(
    mounts.filter(({ target }) => isWithin(target, `${rootDir}/pods`)).map(({ device }) => device),
  );
  for (const name of names) {
    const target = localDeviceMount(rootDir, name);
    const present = mounts.findLast(mount => mount.target === target);
    if (present && inPods.has(present.device)) continue;
    await ensureUnmounted(target);
    await mapped(rmdir(target));
  }
}

/** Links the pod to the device, which the container gets as a device. */
export async function ensureLocalDevice(bound: BoundVolume, local: LocalSource): Promise<VolumeOutcome> {
  const { volume, rootDir, podUID, isReadOnly } = bound;
  const { name } = volume.metadata;
  const failed = (problem: string): FailedVolume => ({
    kind: 'failed',
    stage: 'MapVolume.MapPodDevice',
    problem,
    specName: name,
  });
  const found = await statOrProblem(local.path);
  if (typeof found === 'string') return failed(found);
  if (!found.isBlockDevice()) return failed(`${local.path} is not a block device`);
  const hostPath = await mapped(realpath(local.path));
  await ensureLink(podDeviceLink(rootDir, podUID, name), hostPath);
  return { kind: 'ready', volume: { kind: 'device', hostPath, isReadOnly } };
}

async function ensureLink(link: string, target: string): Promise<void> {
  const present = await readlink(link).catch(() => undefined); // not there or no link: made anew
  if (present === target) return;
  await mkdir(dirname(link), { recursive: true, mode: DIRECTORY_MODE });
  if (await lstat(link).catch(() => undefined)) await rm(link);
  await mapped(symlink(target, link));
}

async function statOrProblem(path: string): Promise<Stats | string> {
  if (path.split('/').includes('..')) return `invalid path: ${path} must not contain '..'`;
  try {
    return await stat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return `path "${path}" does not exist`;
    throw error;
  }
}

/** Whether what is mounted here is mounted for another pod as well. */
async function isSharedWithOtherPods(directory: string, rootDir: string): Promise<boolean> {
  const mounts = await listMounts();
  const own = mounts.findLast(({ target }) => target === directory);
  return mounts.some(
    ({ device, root, target }) =>
      device === own?.device &&
      root === own.root &&
      target !== directory &&
      isWithin(target, `${rootDir}/pods`),
  );
}

function notShareable(name: string, asked: number, present: number): VolumeEvent {
  const message = `The requested fsGroup is ${asked}, but the volume ${name} has GID ${present}. The volume may not be shareable.`;
  return { reason: 'AlreadyMountedVolume', message };
}
