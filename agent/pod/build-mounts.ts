// CRI mounts of one container (kubelet_pods.go makeMounts).

import type { Device, MountInput } from '../../cri-proto/runtime.v1.ts';
import type { Container, VolumeMount } from '../api/objects.ts';
import type { ImageVolume, PreparedVolume } from '../volume/prepared-volume.ts';
import { expandVariables } from './expansion.ts';

export interface MountsInput {
  readonly container: Container;
  readonly variables: ReadonlyMap<string, string>;
  readonly volumes: ReadonlyMap<string, PreparedVolume>;
  /** What the subPath mounts are bound to, by their place in the container's `volumeMounts`. */
  readonly subPaths: ReadonlyMap<number, string>;
  readonly hostsFile: string | undefined;
  readonly terminationMessageFile: string;
  /** Of the pod's runtime handler (CRI RuntimeHandlerFeatures). */
  readonly supportsRecursiveReadOnly: boolean;
  readonly runtimeVersion: string | undefined;
}

export type Mounts =
  | { readonly kind: 'ok'; readonly mounts: readonly MountInput[] }
  /** Becomes the waiting reason CreateContainerConfigError. */
  | { readonly kind: 'refused'; readonly message: string };

type Mount = { readonly kind: 'ok'; readonly mount: MountInput } | (Mounts & { kind: 'refused' });

const PATH_MAX = 4096; // limits.h: no path is longer

const PROPAGATION = {
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const;

export function buildMounts(input: MountsInput): Mounts {
  const mounts: MountInput[] = [];
  for (const [index, volumeMount] of (input.container.volumeMounts ?? []).entries()) {
    const outcome = buildMount(volumeMount, index, input);
    if (outcome.kind === 'refused') return outcome;
    mounts.push(outcome.mount);
  }
  return { kind: 'ok', mounts: [...mounts, ...ownMounts(input, mounts)] };
}

/** CRI devices of the container's raw block volumes. */
export function buildDevices(
  container: Container,
  volumes: ReadonlyMap<string, PreparedVolume>,
): { readonly kind: 'ok'; readonly devices: readonly Device[] } | (Mounts & { kind: 'refused' }) {
  const devices: Device[] = [];
  for (const { name, devicePath } of container.volumeDevices ?? []) {
    const volume = volumes.get(name);
    if (volume?.kind !== 'device') {
      const message = `cannot find volume "${name}" to pass into container "${container.name}"`;
      return { kind: 'refused', message };
    }
    const permissions = volume.isReadOnly ? 'r' : 'mrw';
    devices.push({ containerPath: devicePath, hostPath: volume.hostPath, permissions });
  }
  return { kind: 'ok', devices };
}

/** What stands in a subPathExpr is as good as what the environment says; a variable without a value is an error. */
export function buildSubPath(
  { subPath = '', subPathExpr = '' }: VolumeMount,
  variables: ReadonlyMap<string, string>,
): { readonly kind: 'ok'; readonly subPath: string } | (Mounts & { kind: 'refused' }) {
  if (subPathExpr === '') return { kind: 'ok', subPath };
  const missing = new Set<string>();
  const expanded = expandVariables(
    subPathExpr,
    name => {
      const value = variables.get(name);
      if (!value) missing.add(name);
      return value;
    },
    PATH_MAX,
  );
  if (missing.size === 0) return { kind: 'ok', subPath: expanded };
  return { kind: 'refused', message: `missing value for ${[...missing].sort().join(', ')}` };
}

function buildMount(mount: VolumeMount, index: number, input: MountsInput): Mount {
  const { container, volumes, variables, subPaths } = input;
  const volume = volumes.get(mount.name);
  if (volume?.kind === 'image') return buildImageMount(mount, volume, input);
  if (volume?.kind !== 'mount') {
    const message = `cannot find volume "${mount.name}" to mount into container "${container.name}"`;
    return { kind: 'refused', message };
  }
  const recursive = resolveRecursiveReadOnly(mount, input.supportsRecursiveReadOnly);
  if (recursive.kind === 'refused') return recursive;
  return {
    kind: 'ok',
    mount: {
      containerPath: absolutePath(expandVariables(mount.mountPath, name => variables.get(name), PATH_MAX)),
      hostPath: subPaths.get(index) ?? volume.hostPath,
      readonly: mount.readOnly === true || volume.isReadOnly,
      recursiveReadOnly: recursive.isRecursive,
      selinuxRelabel: volume.needsSELinuxRelabel,
      propagation: PROPAGATION[mount.mountPropagation as keyof typeof PROPAGATION] ?? 'PROPAGATION_PRIVATE',
    },
  };
}

function buildImageMount(
  mount: VolumeMount,
  { reference, imageRef }: ImageVolume,
  { variables, runtimeVersion = '' }: MountsInput,
): Mount {
  const needs = (what: string, version: string): Mount => {
    const message = `volume "${mount.name}" is an image volume: ${what} needs containerd ${version}, this node has ${runtimeVersion}`;
    return { kind: 'refused', message };
  };
  // It would take the mount for one of a host path without a name, and say so in its own words.
  if (isContainerdBefore(2001, runtimeVersion)) return needs('it', '2.1');
  const built = buildSubPath(mount, variables);
  if (built.kind === 'refused') return built;
  // It would mount the whole image and say nothing.
  if (built.subPath !== '' && isContainerdBefore(2002, runtimeVersion)) return needs('subPath', '2.2');
  return {
    kind: 'ok',
    mount: {
      containerPath: absolutePath(expandVariables(mount.mountPath, name => variables.get(name), PATH_MAX)),
      image: { image: imageRef ?? reference, userSpecifiedImage: reference },
      imageSubPath: built.subPath,
      readonly: true,
    },
  };
}

/** `version` is major times 1000 and minor; false for other runtimes. */
function isContainerdBefore(version: number, runtimeVersion: string): boolean {
  const [, major, minor] = /^containerd:\/\/v?(\d+)\.(\d+)/.exec(runtimeVersion) ?? [];
  return major !== undefined && Number(major) * 1000 + Number(minor) < version;
}

type Recursion = { readonly kind: 'ok'; readonly isRecursive: boolean } | (Mounts & { kind: 'refused' });

// The API server admits recursiveReadOnly only with readOnly and without propagation.
function resolveRecursiveReadOnly({ name, recursiveReadOnly }: VolumeMount, isSupported: boolean): Recursion {
  if (recursiveReadOnly === 'IfPossible') return { kind: 'ok', isRecursive: isSupported };
  if (recursiveReadOnly !== 'Enabled') return { kind: 'ok', isRecursive: false };
  if (isSupported) return { kind: 'ok', isRecursive: true };
  const why = `volume "${name}" requested recursive read-only mode, but it is not supported by the runtime`;
  return { kind: 'refused', message: `failed to resolve recursive read-only mode: ${why}` };
}

function ownMounts(
  { hostsFile, container, terminationMessageFile }: MountsInput,
  mounts: readonly MountInput[],
): MountInput[] {
  const own: MountInput[] = [];
  const isHostsTaken = mounts.some(mount => mount.containerPath === '/etc/hosts');
  if (hostsFile !== undefined && !isHostsTaken) {
    own.push({ containerPath: '/etc/hosts', hostPath: hostsFile, selinuxRelabel: true });
  }
  const containerPath = terminationMessagePath(container);
  own.push({ containerPath, hostPath: terminationMessageFile, selinuxRelabel: true });
  return own;
}

export function terminationMessagePath(container: Container): string {
  return container.terminationMessagePath || '/dev/termination-log'; // the API's default, for static pods
}

// Relative mount paths are taken from the root (kubelet_pods.go makeMounts).
function absolutePath(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
