// What an in-place resize still has to do: the difference between what a pod was given and what its containers got
// (KEP-1287). Pure.

import type { Container, Pod } from '../api/objects.ts';
import type { CgroupLimits } from '../host/cgroup-limits.ts';
import { amountsOf, isSameRequirements } from '../resources/allocation.ts';
import { containersWithResources } from '../resources/containers.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import { buildPodLimits } from './build-pod-limits.ts';
import type { PodMemory } from './memory.ts';

/** True when containers or cgroup of the pod have to be brought to what it was given. */
export function needsResize(pod: Pod, memory: PodMemory): boolean {
  const { actuated, cgroupLimits } = memory;
  if (!actuated) return false;
  // A pod that was resized before its first container ran has nothing but its cgroup to resize.
  const isCgroupStale = cgroupLimits !== undefined && !isSameLimits(cgroupLimits, buildPodLimits(pod));
  return (
    isCgroupStale ||
    !isSameRequirements(actuated.pod, pod.spec.resources) ||
    containersWithResources(pod.spec).some(container => isOutdated(container, memory))
  );
}

/** As the condition PodResizeInProgress counts it: only what runs can lag behind. */
export function isResizing(pod: Pod, observed: ObservedPod, memory: PodMemory): boolean {
  const runs = (name: string): boolean =>
    observed.containers.find(container => container.name === name)?.state === 'running';
  if (memory.actuated && !isSameRequirements(memory.actuated.pod, pod.spec.resources)) return true;
  return containersWithResources(pod.spec).some(
    container => runs(container.name) && isOutdated(container, memory),
  );
}

/** True when a changed resource asks for a new instance of the container. */
export function isRestartedForResize(container: Container, { actuated }: PodMemory): boolean {
  const before = actuated?.containers.get(container.name);
  if (!before) return false;
  const [from, to] = [amountsOf(before), amountsOf(container.resources)];
  const isRestartPolicy = (resource: string): boolean =>
    container.resizePolicy?.some(
      ({ resourceName, restartPolicy }) => resourceName === resource && restartPolicy === 'RestartContainer',
    ) ?? false;
  const isCpuChanged = from.cpuRequest !== to.cpuRequest || from.cpuLimit !== to.cpuLimit;
  const isMemoryChanged = from.memoryRequest !== to.memoryRequest || from.memoryLimit !== to.memoryLimit;
  return (isCpuChanged && isRestartPolicy('cpu')) || (isMemoryChanged && isRestartPolicy('memory'));
}

function isOutdated({ name, resources }: Container, { actuated }: PodMemory): boolean {
  const before = actuated?.containers.get(name);
  return before !== undefined && !isSameRequirements(before, resources);
}

function isSameLimits(a: CgroupLimits, b: CgroupLimits): boolean {
  return (
    a.cpuShares === b.cpuShares && a.cpuQuotaUs === b.cpuQuotaUs && a.memoryLimitBytes === b.memoryLimitBytes
  );
}
