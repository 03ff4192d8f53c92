// CRI LinuxContainerResources of one container (kuberuntime_container_linux.go).

import type { LinuxContainerResourcesInput } from '../../cri-proto/runtime.v1.ts';
import type { Container, Pod } from '../api/objects.ts';
import { hugepageSizeName } from '../host/cgroup-names.ts';
import { buildContainerCpuAndMemory, hugepageLimitBytes, oomScoreAdj } from '../resources/linux-resources.ts';
import { buildMemoryQoS } from '../resources/memory-qos.ts';
import { wholeValue } from '../resources/quantity.ts';
import { buildSwapLimitBytes } from '../resources/swap-limit.ts';
import type { PodContext } from './pod-context.ts';

export function buildContainerResources(
  pod: Pod,
  container: Container,
  context: PodContext,
): LinuxContainerResourcesInput {
  const { cpuPeriodUs } = context;
  const { cpuShares, cpuQuotaUs, memoryLimitBytes } = buildContainerCpuAndMemory(
    container,
    pod.spec,
    cpuPeriodUs,
  );
  return {
    cpuShares,
    cpuPeriod: cpuPeriodUs,
    ...(context.isCpuLimited ? { cpuQuota: cpuQuotaUs } : {}),
    memoryLimitInBytes: memoryLimitBytes,
    oomScoreAdj: oomScoreAdj(pod.spec, container, context.nodeMemoryBytes),
    hugepageLimits: context.hugepageSizes.map(pageBytes => ({
      pageSize: hugepageSizeName(pageBytes),
      limit: hugepageLimitBytes(pod.spec, container, pageBytes),
    })),
    ...buildMemoryControl(memoryLimitBytes, swapLimitBytes(pod, container, context), container, context),
  };
}

function swapLimitBytes(pod: Pod, container: Container, context: PodContext): number {
  const { sharedSwapBytes: swapBytes, nodeMemoryBytes: memoryBytes } = context;
  return swapBytes === 0 ? 0 : buildSwapLimitBytes(pod, container, { memoryBytes, swapBytes });
}

// A container that runs out of memory ends as a whole.
function buildMemoryControl(
  memoryLimitBytes: number,
  swapLimit: number,
  container: Container,
  context: PodContext,
): Pick<LinuxContainerResourcesInput, 'unified' | 'memorySwapLimitInBytes'> {
  const { cgroupVersion, isSingleProcessOOMKill, hasSwapControl, memoryThrottlingFactor: factor } = context;
  if (cgroupVersion === 1) {
    // Version 1 limits memory and swap together.
    return hasSwapControl && memoryLimitBytes > 0 ? { memorySwapLimitInBytes: memoryLimitBytes } : {};
  }
  const allocatableBytes = wholeValue(context.allocatable['memory']);
  return {
    unified: {
      ...(isSingleProcessOOMKill ? {} : { 'memory.oom.group': '1' }),
      ...(hasSwapControl ? { 'memory.swap.max': `${swapLimit}` } : {}),
      ...(factor === undefined ? {} : buildMemoryQoS(container, { factor, allocatableBytes })),
    },
  };
}
