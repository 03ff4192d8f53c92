// /stats/summary, stats.k8s.io v1alpha1 (k8s.io/kubelet/pkg/apis/stats/v1alpha1).
import type { CgroupMemory, CgroupUsage } from '../../host/cgroup-usage.ts';
import type { FilesystemUsage } from '../../host/disk-usage.ts';
import type { InterfaceUsage } from '../../host/net-dev.ts';
import type { PressurePair } from '../../host/parse-cgroup-files.ts';
import type {
  ContainerStats,
  MeasuredUsage,
  NodeStats,
  PodStats,
  SharedFilesystem,
  SystemContainerStats,
  VolumeStats,
} from './node-stats.ts';

/** A member that is not known is left out; counters are bigint where a number could be too small. */
export type SummaryValue = string | number | bigint | undefined | readonly SummaryValue[] | Members;

interface Members {
  readonly [name: string]: SummaryValue;
}

const DEFAULT_INTERFACE = 'eth0'; // upstream fills the inline members for this name only

export function buildSummary(stats: NodeStats): SummaryValue {
  return {
    node: {
      nodeName: stats.nodeName,
      systemContainers: stats.systemContainers.map(buildSystemContainer),
      startTime: time(stats.bootAtMs),
      ...buildUsage(stats.root, { limitBytes: stats.memoryBytes }),
      network: buildNetwork(stats.network, stats.atMs),
      fs: stats.fs && buildFilesystem(stats.fs, stats.atMs),
      runtime: stats.imageFs && {
        imageFs: buildShared(stats.imageFs, stats.atMs),
        containerFs: buildShared(stats.imageFs, stats.atMs),
      },
      rlimit: stats.rlimit && {
        time: time(stats.atMs),
        maxpid: stats.rlimit.maxPid,
        curproc: stats.rlimit.currentProcesses,
      },
      swap: {
        time: time(stats.atMs),
        swapAvailableBytes: stats.swap.freeBytes,
        swapUsageBytes: stats.swap.totalBytes - stats.swap.freeBytes,
      },
    },
    pods: stats.pods.map(pod => buildPod(pod, stats.atMs)),
  };
}

function buildPod(pod: PodStats, atMs: number): SummaryValue {
  const { name, namespace, uid } = pod;
  return {
    podRef: { name, namespace, uid },
    startTime: time(pod.createdAtMs),
    containers: pod.containers.map(container => buildContainer(container, atMs)),
    ...buildUsage(pod.measured),
    network: buildNetwork(pod.network, atMs),
    volume:
      pod.volumes.length > 0 ? pod.volumes.map(volume => buildVolume(volume, namespace, atMs)) : undefined,
    'ephemeral-storage': buildShared(pod.ephemeralStorage, atMs),
    process_stats: pod.network && { process_count: pod.processCount },
    swap: buildSwap(pod.measured.usage),
  };
}

function buildContainer(container: ContainerStats, atMs: number): SummaryValue {
  return {
    name: container.name,
    startTime: time(container.createdAtMs),
    ...buildUsage(container.measured),
    rootfs: buildShared(container.rootfs, atMs),
    logs: buildShared(container.logs, atMs),
    swap: buildSwap(container.measured.usage),
  };
}

function buildSystemContainer({
  name,
  createdAtMs,
  measured,
  limitBytes,
}: SystemContainerStats): SummaryValue {
  return {
    name,
    startTime: time(createdAtMs),
    ...buildUsage(measured, limitBytes === undefined ? {} : { limitBytes }),
    swap: buildSwap(measured.usage),
  };
}

interface MemoryLimit {
  /** In place of the cgroup's own. */
  readonly limitBytes?: number;
}

function buildUsage({ usage, usageNanoCores }: MeasuredUsage, limit: MemoryLimit = {}): Members {
  if (!usage) return {};
  const at = time(usage.atMs);
  return {
    cpu: usage.cpu && {
      time: at,
      usageNanoCores,
      usageCoreNanoSeconds: usage.cpu.usageNanoseconds,
      psi: buildPressure(usage.cpu.pressure),
    },
    memory: usage.memory && buildMemory(usage.memory, at, limit),
    io: usage.ioPressure && { time: at, psi: buildPressure(usage.ioPressure) },
  };
}

function buildMemory(memory: CgroupMemory, at: string, { limitBytes }: MemoryLimit): SummaryValue {
  const limit = limitBytes ?? memory.limitBytes;
  return {
    time: at,
    availableBytes: limit === undefined ? undefined : Math.max(0, limit - memory.workingSetBytes),
    usageBytes: memory.usageBytes,
    workingSetBytes: memory.workingSetBytes,
    rssBytes: memory.rssBytes,
    pageFaults: memory.pageFaults,
    majorPageFaults: memory.majorPageFaults,
    psi: buildPressure(memory.pressure),
  };
}

function buildSwap(usage: CgroupUsage | undefined): SummaryValue {
  if (!usage?.memory) return undefined;
  const { swapBytes, swapLimitBytes } = usage.memory;
  return {
    time: time(usage.atMs),
    swapAvailableBytes: swapLimitBytes === undefined ? undefined : Math.max(0, swapLimitBytes - swapBytes),
    swapUsageBytes: swapBytes,
  };
}

// Named as nanoseconds in the API, yet upstream passes the kernel's microseconds through, and so do its readers.
function buildPressure(pressure: PressurePair | undefined): SummaryValue {
  if (!pressure) return undefined;
  const { some, full } = pressure;
  const build = ({ totalMicroseconds, avg10, avg60, avg300 }: typeof some): SummaryValue => ({
    total: totalMicroseconds,
    avg10,
    avg60,
    avg300,
  });
  return { full: build(full), some: build(some) };
}

function buildNetwork(interfaces: readonly InterfaceUsage[] | undefined, atMs: number): SummaryValue {
  if (!interfaces) return undefined;
  const build = ({ name, rxBytes, rxErrors, txBytes, txErrors }: InterfaceUsage) => ({
    name,
    rxBytes,
    rxErrors,
    txBytes,
    txErrors,
  });
  const byDefault = interfaces.find(({ name }) => name === DEFAULT_INTERFACE);
  return {
    time: time(atMs),
    ...(byDefault ? build(byDefault) : { name: '' }),
    interfaces: interfaces.map(build),
  };
}

function buildFilesystem(
  { availableBytes, capacityBytes, usedBytes, inodesFree, inodes, inodesUsed }: FilesystemUsage,
  atMs: number,
): Members {
  return {
    time: time(atMs),
    availableBytes,
    capacityBytes,
    usedBytes,
    inodesFree,
    inodes,
    inodesUsed,
  };
}

function buildShared(shared: SharedFilesystem | undefined, atMs: number): SummaryValue {
  return shared && buildFilesystem({ ...shared.filesystem, ...shared.usage }, atMs);
}

function buildVolume({ name, claimName, fs }: VolumeStats, namespace: string, atMs: number): SummaryValue {
  const claim = claimName === undefined ? {} : { pvcRef: { name: claimName, namespace } };
  return { ...buildFilesystem(fs, atMs), name, ...claim };
}

/** RFC 3339 in whole seconds, UTC. */
function time(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}
