// The Node object as it is created, and what of it is put right on one that exists (kubelet: kubelet_node_status.go).
import type { Node, NodeStatus, Taint } from '../api/objects.ts';
import type { NodeConfig } from '../config/config.ts';

export type RegistrationConfig = Pick<
  NodeConfig,
  'name' | 'ips' | 'labels' | 'taints' | 'providerID' | 'cloudProvider' | 'enableControllerAttachDetach'
>;

const ATTACH_DETACH_ANNOTATION = 'volumes.kubernetes.io/controller-managed-attach-detach';
const PROVIDED_IP_ANNOTATION = 'alpha.kubernetes.io/provided-node-ip';

// The only labels that a node restores on an object that exists; all others belong to whoever set them.
const RECONCILED_LABELS = [
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
];

/** A Node to create. `status` goes along, so the scheduler sees a complete node at once. */
export function buildNode(config: RegistrationConfig, architecture: string, status: NodeStatus): Node {
  const taints = buildTaints(config);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: config.name,
      labels: buildLabels(config, architecture),
      annotations: buildAnnotations(config),
    },
    spec: {
      ...(taints.length > 0 && { taints }),
      ...(config.providerID !== undefined && { providerID: config.providerID }),
    },
    status,
  };
}

/**
 * Metadata to merge into a Node that exists; undefined when it is right already. Taints, custom labels, providerID and
 * `unschedulable` are applied at creation only, so that what an administrator changed stays.
 */
export function planMetadataPatch(
  present: Node,
  config: RegistrationConfig,
  architecture: string,
): { readonly metadata: object } | undefined {
  const labels = changedLabels(present, buildLabels(config, architecture));
  const annotations = changedAnnotations(present, buildAnnotations(config));
  const metadata = {
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  return Object.keys(metadata).length > 0 ? { metadata } : undefined;
}

function buildLabels(config: RegistrationConfig, architecture: string): Readonly<Record<string, string>> {
  return {
    'kubernetes.io/hostname': config.name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': architecture,
    ...config.labels,
  };
}

function buildTaints(config: RegistrationConfig): readonly Taint[] {
  if (config.cloudProvider !== 'external') return config.taints;
  const uninitialized: Taint = {
    key: 'node.cloudprovider.kubernetes.io/uninitialized',
    value: 'true',
    effect: 'NoSchedule',
  };
  return [...config.taints, uninitialized];
}

function buildAnnotations(config: RegistrationConfig): Readonly<Record<string, string>> {
  const specifiedIPs = config.ips.filter(ip => ip !== '0.0.0.0' && ip !== '::');
  return {
    ...(config.enableControllerAttachDetach && { [ATTACH_DETACH_ANNOTATION]: 'true' }),
    ...(config.cloudProvider === 'external' &&
      specifiedIPs.length > 0 && { [PROVIDED_IP_ANNOTATION]: specifiedIPs.join(',') }),
  };
}

function changedLabels(
  present: Node,
  desired: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const changes: Record<string, string | null> = {};
  for (const label of RECONCILED_LABELS) {
    const value = desired[label];
    if (value === undefined || present.metadata.labels?.[label] === value) continue;
    // An empty configured value takes the label away.
    if (value !== '') changes[label] = value;
    else if (present.metadata.labels?.[label] !== undefined) changes[label] = null;
  }
  return changes;
}

function changedAnnotations(
  present: Node,
  desired: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const changes: Record<string, string | null> = {};
  for (const name of [ATTACH_DETACH_ANNOTATION, PROVIDED_IP_ANNOTATION]) {
    if (present.metadata.annotations?.[name] !== desired[name]) changes[name] = desired[name] ?? null;
  }
  return changes;
}
