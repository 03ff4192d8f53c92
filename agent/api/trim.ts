// Objects from the API server lose what nobody reads before they are kept: memory is per pod, times hundreds. The rest
// stays, read by us or not: the node's own API shows pods, and newer fields must not vanish silently.

import type { KubeObject, ObjectMeta } from './objects.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

interface UntrimmedMeta extends ObjectMeta {
  readonly managedFields?: unknown;
  readonly selfLink?: string;
}

/** Drops managedFields and the last-applied annotation: half of a typical object's size. */
export function trimObject<T extends KubeObject>(object: T): T {
  const { managedFields: _, selfLink: __, ...metadata }: UntrimmedMeta = object.metadata;
  if (metadata.annotations?.[LAST_APPLIED] === undefined) return { ...object, metadata };
  const { [LAST_APPLIED]: ___, ...annotations } = metadata.annotations;
  return { ...object, metadata: { ...metadata, annotations } };
}
