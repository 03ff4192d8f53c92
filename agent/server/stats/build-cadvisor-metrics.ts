// /metrics/cadvisor: the series that dashboards and rules for Kubernetes read (cadvisor metrics/prometheus.go).
import type { CgroupDetails, CgroupUsage } from '../../host/cgroup-usage.ts';
import type { InterfaceUsage } from '../../host/net-dev.ts';
import { CADVISOR_FAMILIES, type CadvisorFamily } from './cadvisor-families.ts';
import { formatFamilies, formatLabels, formatPairs, formatSample, type MetricFamily } from './metric-text.ts';
import type { MeasuredUsage, NodeStats, PodStats } from './node-stats.ts';

/** What the machine is; its labels are those of the `machine_*` series. */
export interface MachineDescription {
  readonly machineID: string;
  readonly systemUUID: string;
  readonly bootID: string;
  readonly cpuCount: number;
  readonly kernelVersion: string;
  readonly osImage: string;
}

/** One cgroup; every one of its series has the six base labels. */
export interface CadvisorRow {
  /** As text, for there are some fifty series of each. */
  readonly labels: string;
  readonly usage: CgroupUsage;
  readonly details: CgroupDetails;
  readonly startedAtMs: number | undefined;
  readonly network: readonly InterfaceUsage[];
  /** Only the machine's row has file systems of its own. */
  readonly fs: NodeStats['fs'];
  readonly memoryLimitBytes: number;
}

export function buildCadvisorMetrics(
  stats: NodeStats | undefined,
  machine: MachineDescription,
  { pauseImage }: { readonly pauseImage: string },
): string {
  const rows = stats ? buildRows(stats, pauseImage) : [];
  const families = CADVISOR_FAMILIES.map(family => buildFamily(family, rows));
  return formatFamilies([
    ...families,
    ...(stats ? machineFamilies(stats, machine) : []),
    scrapeError(stats === undefined),
  ]);
}

function buildFamily({ name, type, help, read }: CadvisorFamily, rows: readonly CadvisorRow[]): MetricFamily {
  const samples: string[] = [];
  for (const row of rows) {
    const { atMs } = row.usage;
    const value = read(row);
    if (value === undefined) continue;
    if (typeof value !== 'object') {
      samples.push(formatSample(name, `{${row.labels}}`, value, atMs));
      continue;
    }
    for (const { labels, value: own } of value) {
      samples.push(formatSample(name, `{${row.labels},${formatPairs(labels)}}`, own, atMs));
    }
  }
  return { name, type, help, samples };
}

function buildRows(stats: NodeStats, pauseImage: string): readonly CadvisorRow[] {
  const rows: CadvisorRow[] = [];
  const add = (
    { path, usage, details }: MeasuredUsage,
    labels: Readonly<Record<string, string>>,
    own: Partial<Pick<CadvisorRow, 'startedAtMs' | 'network' | 'fs'>> = {},
  ): void => {
    if (!usage || !details) return;
    const base = { container: '', id: path, image: '', name: '', namespace: '', pod: '', ...labels };
    const memoryLimitBytes = usage.memory?.limitBytes ?? (path === '/' ? stats.memoryBytes : 0);
    const none = { startedAtMs: undefined, network: [], fs: undefined };
    rows.push({ ...none, ...own, labels: formatPairs(base), usage, details, memoryLimitBytes });
  };
  add(stats.root, {}, { startedAtMs: stats.bootAtMs, network: stats.network ?? [], fs: stats.fs });
  for (const { measured, createdAtMs } of stats.systemContainers)
    add(measured, {}, { startedAtMs: createdAtMs });
  for (const pod of stats.pods) addPod(pod, pauseImage, add);
  return rows;
}

// The pod's own row has no image, its sandbox's has one and the links: rules tell them apart by that.
function addPod(
  pod: PodStats,
  pauseImage: string,
  add: (
    measured: MeasuredUsage,
    labels: Readonly<Record<string, string>>,
    own: Partial<Pick<CadvisorRow, 'startedAtMs' | 'network'>>,
  ) => void,
): void {
  const { namespace, name, sandbox, isHostNetwork, network = [], createdAtMs } = pod;
  const ofPod = { namespace, pod: name };
  add(pod.measured, ofPod, { startedAtMs: createdAtMs });
  if (sandbox?.measured) {
    const labels = { ...ofPod, name: sandbox.id, image: pauseImage };
    // Links of the host are the host's row's.
    add(sandbox.measured, labels, {
      startedAtMs: sandbox.createdAtMs,
      network: isHostNetwork ? [] : network,
    });
  }
  for (const { id, name: container, image, measured, startedAtMs } of pod.containers) {
    add(measured, { ...ofPod, container, name: id, image }, { startedAtMs });
  }
}

function machineFamilies(stats: NodeStats, machine: MachineDescription): readonly MetricFamily[] {
  const { bootID, machineID, systemUUID, cpuCount, kernelVersion, osImage } = machine;
  const labels = formatLabels({ boot_id: bootID, machine_id: machineID, system_uuid: systemUUID });
  const version = formatLabels({
    cadvisorRevision: '',
    cadvisorVersion: '',
    dockerVersion: '',
    kernelVersion,
    osVersion: osImage,
  });
  const gauge = (name: string, help: string, of: string, value: number): MetricFamily => ({
    name,
    type: 'gauge',
    help,
    samples: [formatSample(name, of, value)],
  });
  return [
    gauge('cadvisor_version_info', 'Kernel and operating system, as labels.', version, 1),
    gauge('machine_cpu_cores', 'Number of logical CPU cores.', labels, cpuCount),
    gauge('machine_memory_bytes', 'Amount of memory installed on the machine.', labels, stats.memoryBytes),
    gauge(
      'machine_swap_bytes',
      'Amount of swap memory available on the machine.',
      labels,
      stats.swap.totalBytes,
    ),
  ];
}

function scrapeError(isFailed: boolean): MetricFamily {
  const name = 'container_scrape_error';
  return {
    name,
    type: 'gauge',
    help: '1 if there was an error while getting container metrics, 0 otherwise',
    samples: [formatSample(name, '', isFailed ? 1 : 0)],
  };
}
