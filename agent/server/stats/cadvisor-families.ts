// The table of cAdvisor's series: name, type, and where the value comes from.
import type { CgroupDetails } from '../../host/cgroup-usage.ts';
import type { InterfaceUsage } from '../../host/net-dev.ts';
import type { BlockDeviceUsage, PressurePair } from '../../host/parse-cgroup-files.ts';
import type { CadvisorRow } from './build-cadvisor-metrics.ts';
import { formatSeconds, type MetricType } from './metric-text.ts';

interface LabelledValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | bigint | string;
}

export interface CadvisorFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** One value, several with labels of their own, or none for this row. */
  readonly read: (row: CadvisorRow) => number | bigint | string | undefined | readonly LabelledValue[];
}

type Memory = NonNullable<CadvisorRow['usage']['memory']>;

const ROOT_DEVICE = { device: '/' };

function memory(name: string, help: string, read: (memory: Memory) => number): CadvisorFamily {
  return {
    name: `container_memory_${name}`,
    type: 'gauge',
    help,
    read: ({ usage }) => usage.memory && read(usage.memory),
  };
}

function detail(
  name: string,
  type: MetricType,
  help: string,
  read: (details: CgroupDetails) => number | bigint | string | undefined,
): CadvisorFamily {
  return { name: `container_${name}`, type, help, read: ({ details }) => read(details) };
}

// Only where a quota is set, as upstream: periods of zero say nothing.
function throttling(
  name: string,
  help: string,
  read: (details: CgroupDetails) => number | string,
): CadvisorFamily {
  return detail(`cpu_cfs_${name}`, 'counter', help, details =>
    details.cpuQuotaMicroseconds === undefined ? undefined : read(details),
  );
}

function network(name: string, help: string, read: (link: InterfaceUsage) => bigint): CadvisorFamily {
  return {
    name: `container_network_${name}_total`,
    type: 'counter',
    help,
    read: ({ network: links }) =>
      links.map(link => ({ labels: { interface: link.name }, value: read(link) })),
  };
}

function device(name: string, help: string, read: (usage: BlockDeviceUsage) => number): CadvisorFamily {
  return {
    name: `container_fs_${name}_total`,
    type: 'counter',
    help,
    read: ({ details }) =>
      details.devices.map(usage => ({
        labels: { device: `${usage.major}:${usage.minor}` },
        value: read(usage),
      })),
  };
}

function fileSystem(
  name: string,
  help: string,
  read: (fs: NonNullable<CadvisorRow['fs']>) => number,
): CadvisorFamily {
  return {
    name: `container_fs_${name}`,
    type: 'gauge',
    help,
    read: ({ fs }) => fs && [{ labels: ROOT_DEVICE, value: read(fs) }],
  };
}

function pressure(
  resource: 'cpu' | 'memory' | 'io',
  kind: 'waiting' | 'stalled',
  read: (row: CadvisorRow) => PressurePair | undefined,
): CadvisorFamily {
  return {
    name: `container_pressure_${resource}_${kind}_seconds_total`,
    type: 'counter',
    help: `Total time duration ${kind === 'waiting' ? 'some' : 'all'} tasks in the container have waited for ${resource}.`,
    read: row => {
      const pair = read(row);
      const micros = kind === 'waiting' ? pair?.some.totalMicroseconds : pair?.full.totalMicroseconds;
      return micros === undefined ? undefined : micros / 1e6;
    },
  };
}

const FAILURES_HELP = 'Cumulative count of memory allocation failures.';

export const CADVISOR_FAMILIES: readonly CadvisorFamily[] = [
  {
    name: 'container_cpu_usage_seconds_total',
    type: 'counter',
    help: 'Cumulative cpu time consumed in seconds.',
    read: ({ usage: { cpu } }) =>
      cpu && [{ labels: { cpu: 'total' }, value: formatSeconds(cpu.usageNanoseconds) }],
  },
  detail('cpu_user_seconds_total', 'counter', 'Cumulative user cpu time consumed in seconds.', d =>
    formatSeconds(d.userNanoseconds),
  ),
  detail('cpu_system_seconds_total', 'counter', 'Cumulative system cpu time consumed in seconds.', d =>
    formatSeconds(d.systemNanoseconds),
  ),
  throttling('periods_total', 'Number of elapsed enforcement period intervals.', d => d.periods),
  throttling('throttled_periods_total', 'Number of throttled period intervals.', d => d.throttledPeriods),
  throttling('throttled_seconds_total', 'Total time duration the container has been throttled.', d =>
    formatSeconds(d.throttledNanoseconds),
  ),
  memory('working_set_bytes', 'Current working set in bytes.', m => m.workingSetBytes),
  memory('rss', 'Size of RSS in bytes.', m => m.rssBytes),
  memory('cache', 'Number of bytes of page cache memory.', m => m.cacheBytes),
  memory('swap', 'Container swap usage in bytes.', m => m.swapBytes),
  memory('usage_bytes', 'Current memory usage in bytes, whenever it was accessed.', m => m.usageBytes),
  memory('mapped_file', 'Size of memory mapped files in bytes.', m => m.mappedFileBytes),
  memory('total_active_file_bytes', 'Current total active file in bytes.', m => m.activeFileBytes),
  memory('total_inactive_file_bytes', 'Current total inactive file in bytes.', m => m.inactiveFileBytes),
  detail('memory_max_usage_bytes', 'gauge', 'Maximum memory usage recorded in bytes.', d => d.maxMemoryBytes),
  detail(
    'memory_kernel_usage',
    'gauge',
    'Size of kernel memory allocated in bytes.',
    d => d.kernelMemoryBytes,
  ),
  detail('memory_failcnt', 'counter', 'Number of memory usage hits limits.', d => d.memoryFailures),
  {
    name: 'container_memory_failures_total',
    type: 'counter',
    help: FAILURES_HELP,
    read: ({ usage }) =>
      usage.memory && [
        { labels: { failure_type: 'pgfault', scope: 'hierarchy' }, value: usage.memory.pageFaults },
        { labels: { failure_type: 'pgmajfault', scope: 'hierarchy' }, value: usage.memory.majorPageFaults },
      ],
  },
  network('receive_bytes', 'Cumulative count of bytes received.', l => l.rxBytes),
  network('receive_packets', 'Cumulative count of packets received.', l => l.rxPackets),
  network(
    'receive_packets_dropped',
    'Cumulative count of packets dropped while receiving.',
    l => l.rxDropped,
  ),
  network('receive_errors', 'Cumulative count of errors encountered while receiving.', l => l.rxErrors),
  network('transmit_bytes', 'Cumulative count of bytes transmitted.', l => l.txBytes),
  network('transmit_packets', 'Cumulative count of packets transmitted.', l => l.txPackets),
  network(
    'transmit_packets_dropped',
    'Cumulative count of packets dropped while transmitting.',
    l => l.txDropped,
  ),
  network('transmit_errors', 'Cumulative count of errors encountered while transmitting.', l => l.txErrors),
  device('reads', 'Cumulative count of reads completed.', d => d.reads),
  device('writes', 'Cumulative count of writes completed.', d => d.writes),
  device('reads_bytes', 'Cumulative count of bytes read.', d => d.readBytes),
  device('writes_bytes', 'Cumulative count of bytes written.', d => d.writeBytes),
  fileSystem('usage_bytes', 'Number of bytes that are consumed on this filesystem.', f => f.usedBytes),
  fileSystem('limit_bytes', 'Number of bytes that can be consumed on this filesystem.', f => f.capacityBytes),
  fileSystem('inodes_total', 'Number of inodes.', f => f.inodes),
  fileSystem('inodes_free', 'Number of available inodes.', f => f.inodesFree),
  detail('processes', 'gauge', 'Number of processes running inside the container.', d => d.processes),
  detail('threads', 'gauge', 'Number of threads running inside the container.', d => d.threads),
  detail(
    'threads_max',
    'gauge',
    'Maximum number of threads allowed, 0 if unlimited.',
    d => d.threadsMax ?? 0,
  ),
  pressure('cpu', 'waiting', ({ usage }) => usage.cpu?.pressure),
  pressure('cpu', 'stalled', ({ usage }) => usage.cpu?.pressure),
  pressure('memory', 'waiting', ({ usage }) => usage.memory?.pressure),
  pressure('memory', 'stalled', ({ usage }) => usage.memory?.pressure),
  pressure('io', 'waiting', ({ usage }) => usage.ioPressure),
  pressure('io', 'stalled', ({ usage }) => usage.ioPressure),
  detail('spec_cpu_period', 'gauge', 'CPU period of the container.', d => d.cpuPeriodMicroseconds),
  detail('spec_cpu_quota', 'gauge', 'CPU quota of the container.', d => d.cpuQuotaMicroseconds),
  detail('spec_cpu_shares', 'gauge', 'CPU share of the container.', d => d.cpuShares),
  {
    name: 'container_spec_memory_limit_bytes',
    type: 'gauge',
    help: 'Memory limit for the container, 0 if unlimited.',
    read: ({ memoryLimitBytes }) => memoryLimitBytes,
  },
  {
    name: 'container_spec_memory_swap_limit_bytes',
    type: 'gauge',
    help: 'Memory swap limit for the container, 0 if unlimited.',
    read: ({ usage }) => usage.memory?.swapLimitBytes ?? 0,
  },
  detail(
    'spec_memory_reservation_limit_bytes',
    'gauge',
    'Memory reservation limit for the container.',
    d => d.memoryReservationBytes,
  ),
  {
    name: 'container_start_time_seconds',
    type: 'gauge',
    help: 'Start time of the container since unix epoch in seconds.',
    read: ({ startedAtMs }) => startedAtMs && startedAtMs / 1000,
  },
  {
    name: 'container_last_seen',
    type: 'gauge',
    help: 'Last time a container was seen by the exporter.',
    read: ({ usage }) => Math.floor(usage.atMs / 1000),
  },
  detail(
    'oom_events_total',
    'counter',
    'Count of out of memory events observed for the container.',
    d => d.oomKills,
  ),
];
