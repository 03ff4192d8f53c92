import type { Container, PodSpec } from '../api/objects.ts';
import { formatQuantity } from '../lib/quantity.ts';
import { containersWithResources } from './containers.ts';
import { buildQosClass, containerLimits, containerRequests } from './pod-resources.ts';
import { wholeValue } from './quantity.ts';

const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const MIN_QUOTA_US = 1000;
export const CPU_PERIOD_US = 100_000; // the kernel's and the kubelet's default CFS period

// oom_score_adj values of the kubelet: below the runtime's own, above nothing the node needs more.
const OOM_SCORE_GUARANTEED = -997;
const OOM_SCORE_BEST_EFFORT = 1000;
const OOM_SCORE_BURSTABLE_MIN = 3;

/** cgroup v1 cpu.shares for a request in millicores (docker's scale: one core is 1024). */
export function cpuShares(cpuMilli: number): number {
  if (cpuMilli <= 0) return MIN_SHARES;
  return Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((cpuMilli * 1024) / 1000)));
}

/** CFS quota in microseconds per period; 0 means unlimited. */
export function cpuQuotaUs(cpuMilli: number, periodUs = CPU_PERIOD_US): number {
  if (cpuMilli <= 0) return 0;
  return Math.max(MIN_QUOTA_US, Math.floor((cpuMilli * periodUs) / 1000));
}

/** Huge pages of one size that a container, or its pod for it, may use; none unless it says so. */
export function hugepageLimitBytes(spec: PodSpec, { resources }: Container, pageBytes: number): number {
  const name = `hugepages-${formatQuantity(pageBytes)}`;
  return wholeValue(resources?.limits?.[name] ?? spec.resources?.limits?.[name]);
}

/** The same for a whole pod: what it says itself, or what its containers may use at one time. */
export function podHugepageBytes(spec: PodSpec, pageBytes: number): number {
  const bytesOf = (container: Container): number => hugepageLimitBytes(spec, container, pageBytes);
  const ofPod = wholeValue(spec.resources?.limits?.[`hugepages-${formatQuantity(pageBytes)}`]);
  const regular = spec.containers.reduce((sum, container) => sum + bytesOf(container), 0);
  return ofPod || Math.max(regular, ...(spec.initContainers ?? []).map(bytesOf));
}

/** oom_score_adj of a container: the more of the node's memory it asked for, the later it is killed. */
export function oomScoreAdj(spec: PodSpec, container: Container, nodeMemoryBytes: number): number {
  if (isSystemNodeCritical(spec)) return OOM_SCORE_GUARANTEED;
  switch (buildQosClass(spec)) {
    case 'Guaranteed':
      return OOM_SCORE_GUARANTEED;
    case 'BestEffort':
      return OOM_SCORE_BEST_EFFORT;
    case 'Burstable':
      return burstableScore(spec, container, nodeMemoryBytes);
  }
}

function burstableScore(spec: PodSpec, container: Container, nodeMemoryBytes: number): number {
  if (nodeMemoryBytes <= 0) return OOM_SCORE_BEST_EFFORT - 1;
  const unallocated = unallocatedMemoryShare(spec);
  const scoreFor = ({ resources }: Container): number => {
    const requestBytes = containerRequests(resources).memoryBytes + unallocated;
    return 1000 - Math.floor((1000 * requestBytes) / nodeMemoryBytes);
  };
  // A sidecar lives at least as long as any container it serves.
  const isSidecar = container.restartPolicy === 'Always' && spec.initContainers?.includes(container);
  const score = Math.min(
    scoreFor(container),
    ...(isSidecar ? [Math.max(...spec.containers.map(scoreFor))] : []),
  );
  return Math.min(OOM_SCORE_BEST_EFFORT - 1, Math.max(OOM_SCORE_BURSTABLE_MIN, score));
}

// What a pod asks for as a whole beyond its containers' requests counts for all of them alike.
function unallocatedMemoryShare(spec: PodSpec): number {
  const ofPod = containerRequests(spec.resources).memoryBytes;
  const all = containersWithResources(spec);
  const asked = all.reduce((sum, { resources }) => sum + containerRequests(resources).memoryBytes, 0);
  return ofPod > asked ? Math.floor((ofPod - asked) / all.length) : 0;
}

function isSystemNodeCritical(spec: PodSpec): boolean {
  return spec.priorityClassName === 'system-node-critical' && (spec.priority ?? 0) >= 2_000_000_000;
}

/**
 * The numbers of CRI LinuxContainerResources that need no knowledge of the node's cgroup version. A container without a
 * limit of its own has that of its pod (KEP-2837).
 */
export function buildContainerCpuAndMemory(
  container: Container,
  spec: PodSpec,
  cpuPeriodUs = CPU_PERIOD_US,
): {
  readonly cpuShares: number;
  readonly cpuQuotaUs: number;
  readonly memoryLimitBytes: number;
} {
  const requests = containerRequests(container.resources);
  const own = containerLimits(container.resources);
  const ofPod = containerLimits(spec.resources);
  const cpuLimitMilli = own.cpuMilli || ofPod.cpuMilli;
  return {
    // A limit without a request is the request, also one that comes from the pod.
    cpuShares: cpuShares(container.resources?.requests?.['cpu'] ? requests.cpuMilli : cpuLimitMilli),
    cpuQuotaUs: cpuQuotaUs(cpuLimitMilli, cpuPeriodUs),
    memoryLimitBytes: own.memoryBytes || ofPod.memoryBytes,
  };
}
