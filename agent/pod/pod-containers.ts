import type { Container, PodSpec } from '../api/objects.ts';
import { allContainers } from '../resources/containers.ts';

/** How a container takes part in its pod's life. A sidecar is an init container with `restartPolicy: Always` (KEP-753). */
export type ContainerRole = 'init' | 'sidecar' | 'regular' | 'ephemeral';

export function roleOf(spec: PodSpec, name: string): ContainerRole | undefined {
  const init = spec.initContainers?.find(container => container.name === name);
  if (init) return isSidecar(init) ? 'sidecar' : 'init';
  if (spec.containers.some(container => container.name === name)) return 'regular';
  return spec.ephemeralContainers?.some(container => container.name === name) ? 'ephemeral' : undefined;
}

export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export function findContainer(spec: PodSpec, name: string): Container | undefined {
  return allContainers(spec).find(container => container.name === name);
}
