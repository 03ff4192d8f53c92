// Objects from the API server lose what nobody here reads before they are kept: memory is per pod, times hundreds.
// This is a list of what goes, not of what stays: a field that a newer folder starts to read must not vanish silently.

import type { KubeObject, ObjectMeta, Pod } from './objects.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

// Only the scheduler and the controllers read these.
const UNREAD_POD_FIELDS = ['topologySpreadConstraints', 'schedulingGates', 'schedulerName'];

interface UntrimmedMeta extends ObjectMeta {
  readonly managedFields?: unknown;
  readonly generateName?: string;
  readonly selfLink?: string;
}

/** Drops managedFields and the last-applied annotation: half of a typical object's size. */
export function trimObject<T extends KubeObject>(object: T): T {
  const { managedFields: _, selfLink: __, generateName: ___, ...metadata }: UntrimmedMeta = object.metadata;
  if (metadata.annotations?.[LAST_APPLIED] === undefined) return { ...object, metadata };
  const { [LAST_APPLIED]: ____, ...annotations } = metadata.annotations;
  return { ...object, metadata: { ...metadata, annotations } };
}

export function trimPod(pod: Pod): Pod {
  const trimmed = trimObject(pod);
  const spec = Object.fromEntries(
    Object.entries({ ...trimmed.spec, affinity: trimAffinity(trimmed.spec) }).filter(
      ([field, value]) => value !== undefined && !UNREAD_POD_FIELDS.includes(field),
    ),
  );
  // Rebuilt from a PodSpec by leaving out fields that the type does not have.
  return { ...trimmed, spec: spec as unknown as Pod['spec'] };
}

// Which other pods a pod likes is for the scheduler; which nodes, is checked here as well.
function trimAffinity({ affinity }: Pod['spec']): Pod['spec']['affinity'] {
  const nodeAffinity = affinity?.nodeAffinity;
  return nodeAffinity ? { nodeAffinity } : undefined;
}
