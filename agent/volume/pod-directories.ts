// The kubelet's directory layout below its root directory.
import { join } from 'node:path';

/** Directory names of the volume plugins, `/` written as `~`. */
export const PLUGIN_DIRECTORY = {
  configMap: 'kubernetes.io~configmap',
  secret: 'kubernetes.io~secret',
  projected: 'kubernetes.io~projected',
  downwardAPI: 'kubernetes.io~downward-api',
  emptyDir: 'kubernetes.io~empty-dir',
} as const;

/** Those of volumes whose data is not the pod's: only ever unmounted. */
export const LASTING_PLUGIN_DIRECTORY = {
  local: 'kubernetes.io~local-volume',
  nfs: 'kubernetes.io~nfs',
} as const;

export type DirectoryKind = keyof typeof PLUGIN_DIRECTORY;

export const DIRECTORY_MODE = 0o750;

export function podsDirectory(rootDir: string): string {
  return join(rootDir, 'pods');
}

export function podDirectory(rootDir: string, podUID: string): string {
  return join(podsDirectory(rootDir), podUID);
}

export function volumeDirectory(
  rootDir: string,
  podUID: string,
  kind: DirectoryKind,
  volume: string,
): string {
  return join(podDirectory(rootDir, podUID), 'volumes', PLUGIN_DIRECTORY[kind], volume);
}

/** Where a volume that outlives the pod is mounted for it. */
export function lastingVolumeDirectory(
  rootDir: string,
  podUID: string,
  kind: keyof typeof LASTING_PLUGIN_DIRECTORY,
  volume: string,
): string {
  return join(podDirectory(rootDir, podUID), 'volumes', LASTING_PLUGIN_DIRECTORY[kind], volume);
}

/** The link to a raw block device that a pod uses. */
export function podDeviceLink(rootDir: string, podUID: string, volume: string): string {
  return join(podDirectory(rootDir, podUID), 'volumeDevices', LASTING_PLUGIN_DIRECTORY.local, volume);
}

/** Where the file system on a local volume's device is mounted for all its pods. */
export function localDeviceMount(rootDir: string, volume: string): string {
  return join(rootDir, 'plugins/kubernetes.io/local-volume/mounts', volume);
}

/** Where the kubelet keeps facts about one volume, e.g. emptyDir's `ready` marker. */
export function metadataDirectory(
  rootDir: string,
  podUID: string,
  kind: DirectoryKind,
  volume: string,
): string {
  return join(podDirectory(rootDir, podUID), 'plugins', PLUGIN_DIRECTORY[kind], volume);
}

/** Where one `volumeMounts` entry of a container has its subPath bound. */
export function subPathTarget(
  rootDir: string,
  podUID: string,
  volumeDirectoryName: string,
  containerName: string,
  mountIndex: number,
): string {
  const subPaths = join(podDirectory(rootDir, podUID), 'volume-subpaths');
  return join(subPaths, volumeDirectoryName, containerName, String(mountIndex));
}
