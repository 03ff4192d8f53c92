// What a pod was given, beside what its spec now asks for (KEP-1287). Pure.

import { isDeepStrictEqual } from 'node:util';
import type { Container, Pod, ResourceRequirements } from '../api/objects.ts';
import { containersWithResources } from './containers.ts';
import { milliValue, wholeValue } from './quantity.ts';
import type { PodResourceInfo } from './resource-checkpoint.ts';

/** What the spec asks for, as an allocation. */
export function allocationOf({ spec }: Pod): PodResourceInfo {
  return {
    containers: new Map(containersWithResources(spec).map(({ name, resources }) => [name, resources ?? {}])),
    pod: spec.resources,
  };
}

/** The pod with what it was given in place of what it asks for; the very pod when they are the same. */
export function withAllocation(pod: Pod, allocation: PodResourceInfo | undefined): Pod {
  if (!allocation || isSameAllocation(allocationOf(pod), allocation)) return pod;
  const given = (container: Container): Container => {
    const resources = allocation.containers.get(container.name);
    return resources ? { ...container, resources } : container;
  };
  const { resources: _resources, ...spec } = pod.spec;
  return {
    ...pod,
    spec: {
      ...spec,
      ...(allocation.pod ? { resources: allocation.pod } : {}),
      containers: spec.containers.map(given),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(given) } : {}),
    },
  };
}

/** What the API server was told last; stands in for a checkpoint that is lost. */
export function allocationFromStatus({ spec, status }: Pod): PodResourceInfo | undefined {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const told = statuses.filter(({ allocatedResources }) => allocatedResources !== undefined);
  if (told.length === 0) return undefined;
  const allocation = allocationOf({ metadata: { name: '' }, spec });
  const containers = new Map(allocation.containers);
  for (const { name, allocatedResources, resources } of told) {
    const limits = resources?.limits;
    containers.set(name, { ...(limits ? { limits } : {}), requests: allocatedResources ?? {} });
  }
  return { ...allocation, containers };
}

/** Cpu and memory alike, however they are written: `1` is `1000m`. */
export function isSameRequirements(
  a: ResourceRequirements | undefined,
  b: ResourceRequirements | undefined,
): boolean {
  return isDeepStrictEqual(amountsOf(a), amountsOf(b));
}

function isSameAllocation(a: PodResourceInfo, b: PodResourceInfo): boolean {
  return (
    isSameRequirements(a.pod, b.pod) &&
    [...a.containers].every(
      ([name, resources]) => !b.containers.has(name) || isSameRequirements(resources, b.containers.get(name)),
    )
  );
}

export interface ResourceValues {
  readonly cpuRequest: number;
  readonly cpuLimit: number;
  readonly memoryRequest: number;
  readonly memoryLimit: number;
}

export function amountsOf(resources: ResourceRequirements | undefined): ResourceValues {
  return {
    cpuRequest: milliValue(resources?.requests?.['cpu']),
    cpuLimit: milliValue(resources?.limits?.['cpu']),
    memoryRequest: wholeValue(resources?.requests?.['memory']),
    memoryLimit: wholeValue(resources?.limits?.['memory']),
  };
}
