// `status` of our Node out of what machine, runtime and health reporters say (kubelet: nodestatus/setters.go).
import type { Node, NodeAddress, NodeCondition, NodeStatus, NodeSystemInfo } from '../api/objects.ts';
import {
  buildAllocatable,
  buildCapacity,
  isExtendedResource,
  isHugepages,
  type MachineResources,
  type ResourceConfig,
  type ResourceList,
} from './node-resources.ts';

/** The release, boot and hardware identity of the host. */
export interface MachineIdentity {
  readonly machineID: string;
  readonly systemUUID: string;
  readonly bootID: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** Go's name: `amd64`, `arm64`. */
  readonly architecture: string;
  /** 0: no swap. */
  readonly swapBytes: number;
}

export interface NodeImage {
  readonly repoDigests: readonly string[];
  readonly repoTags: readonly string[];
  readonly sizeBytes: number;
}

export interface RuntimeHandler {
  readonly name: string;
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

export interface StatusInputs {
  readonly config: ResourceConfig & { readonly statusMaxImages: number };
  readonly kubeletVersion: string;
  readonly serverPort: number;
  readonly machine: MachineResources;
  readonly identity: MachineIdentity;
  readonly addresses: readonly NodeAddress[];
  readonly conditions: readonly NodeCondition[];
  /** e.g. `containerd://2.1.4`; undefined while the runtime never answered. */
  readonly containerRuntimeVersion: string | undefined;
  readonly runtimeHandlers: readonly RuntimeHandler[];
  /** Undefined: the runtime does not say. */
  readonly supplementalGroupsPolicy: boolean | undefined;
  /** Undefined: not known (yet), what the Node lists stays. */
  readonly images: readonly NodeImage[] | undefined;
  /** Those that must not be detached yet. */
  readonly volumesInUse: readonly string[];
}

// What the API server lets pods ask for only on nodes that say they can do it (KEP-5328), sorted.
const DECLARED_FEATURES: readonly string[] = [
  'InPlacePodLevelResourcesVerticalScaling',
  'InPlacePodVerticalScalingInitContainers',
  'RestartAllContainersOnContainerExits',
];

const MAX_NAMES_PER_IMAGE = 5; // as the kubelet; keeps the Node object small

/** The status the Node should have. Resources that others advertise on it are kept and mirrored into allocatable. */
export function buildStatus(present: NodeStatus | undefined, inputs: StatusInputs): NodeStatus {
  const foreign = foreignResources(present?.capacity);
  const { supplementalGroupsPolicy } = inputs;
  return {
    addresses: inputs.addresses,
    capacity: { ...foreign, ...buildCapacity(inputs.machine, inputs.config) },
    allocatable: { ...foreign, ...buildAllocatable(inputs.machine, inputs.config) },
    conditions: inputs.conditions,
    daemonEndpoints: { kubeletEndpoint: { Port: inputs.serverPort } },
    nodeInfo: buildNodeInfo(present?.nodeInfo, inputs),
    images: inputs.images
      ? buildImages(inputs.images, inputs.config.statusMaxImages)
      : (present?.images ?? []),
    volumesInUse: inputs.volumesInUse,
    runtimeHandlers: buildRuntimeHandlers(inputs.runtimeHandlers),
    ...(supplementalGroupsPolicy !== undefined && { features: { supplementalGroupsPolicy } }),
    declaredFeatures: DECLARED_FEATURES,
  };
}

/**
 * Largest first; repository digests before tags, at most five names each. Images without a name (left behind when a tag
 * moved on) say nothing to a scheduler, and the API would hand their empty list back as null.
 */
export function buildImages(
  images: readonly NodeImage[],
  maxImages: number,
): NonNullable<NodeStatus['images']> {
  const named = images
    .map(({ repoDigests, repoTags, sizeBytes }) => ({ names: [...repoDigests, ...repoTags], sizeBytes }))
    .filter(({ names }) => names.length > 0)
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  return (maxImages < 0 ? named : named.slice(0, maxImages)).map(({ names, sizeBytes }) => ({
    names: names.slice(0, MAX_NAMES_PER_IMAGE),
    ...(sizeBytes > 0 && { sizeBytes }),
  }));
}

/** True when the host booted since the Node was last written. */
export function isRebooted(present: Node | undefined, bootID: string): boolean {
  const before = present?.status?.nodeInfo?.bootID ?? '';
  return before !== '' && before !== bootID;
}

function buildNodeInfo(present: NodeSystemInfo | undefined, inputs: StatusInputs): NodeSystemInfo {
  const { identity } = inputs;
  return {
    machineID: identity.machineID,
    systemUUID: identity.systemUUID,
    bootID: identity.bootID,
    kernelVersion: identity.kernelVersion,
    osImage: identity.osImage,
    // A runtime that is down keeps the version it had.
    containerRuntimeVersion:
      inputs.containerRuntimeVersion ?? present?.containerRuntimeVersion ?? 'unknown://Unknown',
    kubeletVersion: inputs.kubeletVersion,
    kubeProxyVersion: '',
    operatingSystem: 'linux',
    architecture: identity.architecture,
    ...(identity.swapBytes > 0 && { swap: { capacity: identity.swapBytes } }),
  };
}

function buildRuntimeHandlers(
  handlers: readonly RuntimeHandler[],
): NonNullable<NodeStatus['runtimeHandlers']> {
  return handlers
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, recursiveReadOnlyMounts, userNamespaces }) => ({
      name, // empty for the default handler, and the API keeps that
      features: { recursiveReadOnlyMounts, userNamespaces },
    }));
}

// Extended resources written by device plugins' predecessors or by hand (PATCH of capacity) stay; the rest is ours.
function foreignResources(capacity: ResourceList | undefined): ResourceList {
  return Object.fromEntries(
    Object.entries(capacity ?? {}).filter(([name]) => isExtendedResource(name) && !isHugepages(name)),
  );
}
