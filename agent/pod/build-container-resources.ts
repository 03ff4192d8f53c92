// CRI LinuxContainerResources of one container (kuberuntime_container_linux.go).

import type { LinuxContainerResourcesInput } from '../../cri-proto/runtime.v1.ts';
import type { Container, Pod } from '../api/objects.ts';
import { buildContainerCpuAndMemory, CPU_PERIOD_US, oomScoreAdj } from '../resources/linux-resources.ts';
import type { PodContext } from './pod-context.ts';

export function buildContainerResources(
  pod: Pod,
  container: Container,
  context: PodContext,
): LinuxContainerResourcesInput {
  const { cpuShares, cpuQuotaUs, memoryLimitBytes } = buildContainerCpuAndMemory(container, pod.spec);
  return {
    cpuShares,
    cpuPeriod: CPU_PERIOD_US,
    ...(context.isCpuLimited ? { cpuQuota: cpuQuotaUs } : {}),
    memoryLimitInBytes: memoryLimitBytes,
    oomScoreAdj: oomScoreAdj(pod.spec, container, context.nodeMemoryBytes),
    ...(context.cgroupVersion === 2 ? { unified: { 'memory.oom.group': '1' } } : {}),
  };
}
