// PodStatus.resources and allocatedResources (KEP-5419): of the pod as a whole, as its cgroup has them.

import type { PodSpec, PodStatus, Quantity } from '../api/objects.ts';
import { formatQuantity } from '../lib/quantity.ts';
import { buildPodResources } from '../resources/pod-resources.ts';
import { formatDecimal, sumPodLimits, sumPodRequests } from '../resources/resource-list.ts';
import type { PodPhase } from './phase.ts';

// cpu.shares below this say nothing; the spec is told instead.
const MIN_SHARES_MILLI = 2;

export function buildPodResourcesStatus(
  spec: PodSpec,
  phase: PodPhase,
): Pick<PodStatus, 'resources' | 'allocatedResources'> {
  const requests = sumPodRequests(spec);
  return {
    resources: phase === 'Running' ? appliedResources(spec, requests) : present(requests, sumPodLimits(spec)),
    ...(Object.keys(requests).length > 0 ? { allocatedResources: requests } : {}),
  };
}

type List = Readonly<Record<string, Quantity>>;

// What a running pod has is what its cgroup knows: cpu and memory, limits only where all containers have one.
function appliedResources(spec: PodSpec, allocated: List): NonNullable<PodStatus['resources']> {
  const { requests, limits, isCpuLimitedEverywhere, isMemoryLimitedEverywhere } = buildPodResources(spec);
  const memory = allocated['memory'];
  return present(
    {
      ...spec.resources?.requests,
      ...(requests.cpuMilli > MIN_SHARES_MILLI ? { cpu: formatDecimal(requests.cpuMilli / 1000) } : {}),
      ...(memory === undefined ? {} : { memory }),
    },
    {
      ...spec.resources?.limits,
      ...(isCpuLimitedEverywhere ? { cpu: formatDecimal(limits.cpuMilli / 1000) } : {}),
      ...(isMemoryLimitedEverywhere ? { memory: formatQuantity(limits.memoryBytes) } : {}),
    },
  );
}

function present(requests: List, limits: List): NonNullable<PodStatus['resources']> {
  return {
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  };
}
