// /metrics/resource: what metrics-server scrapes (pkg/kubelet/metrics/collectors/resource_metrics.go).
import {
  formatFamilies,
  formatLabels,
  formatSample,
  formatSeconds,
  type MetricFamily,
  type MetricType,
} from './metric-text.ts';
import type { MeasuredUsage, NodeStats } from './node-stats.ts';

type Figure = 'cpu' | 'memory' | 'swap' | 'swapLimit';

interface Row {
  readonly scope: 'node' | 'pod' | 'container';
  readonly labels: string;
  readonly measured: MeasuredUsage;
  readonly startedAtMs?: number;
}

const FAMILIES: readonly {
  readonly scope: Row['scope'];
  readonly figure: Figure;
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
}[] = [
  {
    scope: 'node',
    figure: 'cpu',
    name: 'node_cpu_usage_seconds_total',
    type: 'counter',
    help: '[STABLE] Cumulative cpu time consumed by the node in core-seconds',
  },
  {
    scope: 'node',
    figure: 'memory',
    name: 'node_memory_working_set_bytes',
    type: 'gauge',
    help: '[STABLE] Current working set of the node in bytes',
  },
  {
    scope: 'node',
    figure: 'swap',
    name: 'node_swap_usage_bytes',
    type: 'gauge',
    help: '[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems',
  },
  {
    scope: 'container',
    figure: 'cpu',
    name: 'container_cpu_usage_seconds_total',
    type: 'counter',
    help: '[STABLE] Cumulative cpu time consumed by the container in core-seconds',
  },
  {
    scope: 'container',
    figure: 'memory',
    name: 'container_memory_working_set_bytes',
    type: 'gauge',
    help: '[STABLE] Current working set of the container in bytes',
  },
  {
    scope: 'container',
    figure: 'swap',
    name: 'container_swap_usage_bytes',
    type: 'gauge',
    help: '[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems',
  },
  {
    scope: 'container',
    figure: 'swapLimit',
    name: 'container_swap_limit_bytes',
    type: 'gauge',
    help: '[ALPHA] Current amount of the container swap limit in bytes. Reported only on non-windows systems',
  },
  {
    scope: 'pod',
    figure: 'cpu',
    name: 'pod_cpu_usage_seconds_total',
    type: 'counter',
    help: '[STABLE] Cumulative cpu time consumed by the pod in core-seconds',
  },
  {
    scope: 'pod',
    figure: 'memory',
    name: 'pod_memory_working_set_bytes',
    type: 'gauge',
    help: '[STABLE] Current working set of the pod in bytes',
  },
  {
    scope: 'pod',
    figure: 'swap',
    name: 'pod_swap_usage_bytes',
    type: 'gauge',
    help: '[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems',
  },
];

/** Undefined statistics: they could not be read, and the scrape says so. */
export function buildResourceMetrics(stats: NodeStats | undefined): string {
  const rows = stats ? buildRows(stats) : [];
  const families = FAMILIES.map(({ scope, figure, name, type, help }) => ({
    name,
    type,
    help,
    samples: rows.flatMap(row => (row.scope === scope ? sampleOf(row, figure, name) : [])),
  }));
  return formatFamilies([...families, startTimes(rows), scrapeError(stats === undefined)]);
}

function buildRows({ root, swap, pods }: NodeStats): readonly Row[] {
  const rows: Row[] = [{ scope: 'node', labels: '', measured: withMachineSwap(root, swap) }];
  for (const { name, namespace, measured, containers } of pods) {
    rows.push({ scope: 'pod', labels: formatLabels({ namespace, pod: name }), measured });
    for (const container of containers) {
      const labels = formatLabels({ container: container.name, namespace, pod: name });
      const { measured: own, startedAtMs } = container;
      // metrics-server drops the whole pod for a container that has a start and no figures.
      if (own.usage) rows.push({ scope: 'container', labels, measured: own, startedAtMs });
    }
  }
  return rows;
}

function withMachineSwap(root: MeasuredUsage, { totalBytes, freeBytes }: NodeStats['swap']): MeasuredUsage {
  const memory = root.usage?.memory && { ...root.usage.memory, swapBytes: totalBytes - freeBytes };
  return root.usage ? { ...root, usage: { ...root.usage, memory } } : root;
}

function sampleOf({ labels, measured: { usage } }: Row, figure: Figure, name: string): readonly string[] {
  const value = figureOf(usage, figure);
  return value === undefined || !usage ? [] : [formatSample(name, labels, value, usage.atMs)];
}

function figureOf(usage: MeasuredUsage['usage'], figure: Figure): string | number | undefined {
  switch (figure) {
    case 'cpu':
      return usage?.cpu && formatSeconds(usage.cpu.usageNanoseconds);
    case 'memory':
      return usage?.memory?.workingSetBytes;
    case 'swap':
      return usage?.memory?.swapBytes;
    case 'swapLimit':
      return usage?.memory?.swapLimitBytes;
  }
}

function startTimes(rows: readonly Row[]): MetricFamily {
  const name = 'container_start_time_seconds';
  return {
    name,
    type: 'gauge',
    help: '[STABLE] Start time of the container since unix epoch in seconds',
    samples: rows.flatMap(({ labels, startedAtMs }) =>
      startedAtMs ? [formatSample(name, labels, startedAtMs / 1000)] : [],
    ),
  };
}

function scrapeError(isFailed: boolean): MetricFamily {
  const name = 'resource_scrape_error';
  return {
    name,
    type: 'gauge',
    help: '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise',
    samples: [formatSample(name, '', isFailed ? 1 : 0)],
  };
}
