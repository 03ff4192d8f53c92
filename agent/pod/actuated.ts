// Bookkeeping of what containers were made or updated with. Pure.

import type { Pod, ResourceRequirements } from '../api/objects.ts';
import { allocationOf } from '../resources/allocation.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import type { PodMemory } from './memory.ts';

/** What runs already was made with what the pod has now, unless a checkpoint told otherwise. */
export function adoptActuated(memory: PodMemory, pod: Pod, observed: ObservedPod): PodMemory {
  const known = memory.actuated?.containers;
  const runs = (name: string): boolean =>
    observed.containers.some(container => container.name === name && container.state === 'running');
  const given = allocationOf(pod);
  const adopted = [...given.containers].filter(([name]) => !known?.has(name) && runs(name));
  if (memory.actuated && adopted.length === 0) return memory;
  const containers = new Map([...(known ?? []), ...adopted]);
  return { ...memory, actuated: { containers, pod: memory.actuated ? memory.actuated.pod : given.pod } };
}

/** A container is made with what the pod has at that moment. */
export function noteStarted(memory: PodMemory, pod: Pod, containerName: string): PodMemory {
  const resources: ResourceRequirements | undefined = allocationOf(pod).containers.get(containerName);
  if (!resources) return memory; // an ephemeral container has none
  const containers = new Map(memory.actuated?.containers).set(containerName, resources);
  return { ...memory, actuated: { containers, pod: memory.actuated?.pod ?? pod.spec.resources } };
}
