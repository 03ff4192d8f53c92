import type { Pod } from '../api/objects.ts';
import type { CgroupLimits } from '../host/cgroup-limits.ts';
import { CPU_PERIOD_US, cpuQuotaUs, cpuShares } from '../resources/linux-resources.ts';
import { buildPodResources, buildQosClass } from '../resources/pod-resources.ts';

/** Limits of the pod's own cgroup by QoS class (cm/helpers_linux.go ResourceConfigForPod). */
export function buildPodLimits(pod: Pod): CgroupLimits {
  const { requests, limits, isCpuLimitedEverywhere, isMemoryLimitedEverywhere } = buildPodResources(pod.spec);
  if (buildQosClass(pod.spec) === 'BestEffort') return { cpuShares: cpuShares(0) };
  return {
    cpuShares: cpuShares(requests.cpuMilli),
    ...(isCpuLimitedEverywhere
      ? { cpuQuotaUs: cpuQuotaUs(limits.cpuMilli), cpuPeriodUs: CPU_PERIOD_US }
      : {}),
    ...(isMemoryLimitedEverywhere ? { memoryLimitBytes: limits.memoryBytes } : {}),
  };
}
