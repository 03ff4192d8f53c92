import type { Container, PodSpec } from '../api/objects.ts';

/** Init, regular and ephemeral containers. */
export function allContainers(spec: PodSpec): Container[] {
  return [...containersWithResources(spec), ...(spec.ephemeralContainers ?? [])];
}

/** Those that may ask for resources: an ephemeral container takes of what the others have. */
export function containersWithResources(spec: PodSpec): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}
