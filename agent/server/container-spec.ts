import type { Container, Pod } from '../api/objects.ts';

/** A container of any kind by its name. */
export function findContainerSpec({ spec }: Pod, name: string): Container | undefined {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec;
  return [...containers, ...initContainers, ...ephemeralContainers].find(
    container => container.name === name,
  );
}
