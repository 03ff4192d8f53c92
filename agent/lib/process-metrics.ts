// The standard process collector's series, with the names every Prometheus client gives them. Read when scraped.
import { readdirSync, readFileSync } from 'node:fs';
import { Counter, Gauge, type Registry } from 'prom-client';

const PAGE_BYTES = 4096;

const GAUGES: readonly (readonly [name: string, help: string, read: () => number])[] = [
  ['process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss()],
  ['process_virtual_memory_bytes', 'Virtual memory size in bytes.', readVirtualBytes],
  ['process_open_fds', 'Number of open file descriptors.', () => readdirSync('/proc/self/fd').length],
  ['process_max_fds', 'Maximum number of open file descriptors.', readMaxDescriptors],
  ['nodelet_heap_used_bytes', 'Memory in use on the V8 heap.', () => process.memoryUsage().heapUsed],
  // Go's name, which the usual dashboards show: the nearest thing here is what keeps the event loop alive.
  ['go_goroutines', 'Active resources of the event loop.', () => process.getActiveResourcesInfo().length],
];

/** Once, before the registry is scraped. */
export function registerProcessMetrics(registry: Registry): void {
  for (const [name, help, read] of GAUGES) registry.registerMetric(gauge(name, help, read));
  const cpuSeconds = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers: [],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset(); // the kernel counts, we only show
      this.inc((user + system) / 1e6);
    },
  });
  registry.registerMetric(cpuSeconds);
  registerStartTime(registry);
}

/** Each endpoint has it: by it a scraper sees that counters began anew. */
export function registerStartTime(registry: Registry): void {
  const startedAtSeconds = performance.timeOrigin / 1000;
  const help = 'Start time of the process since unix epoch in seconds.';
  registry.registerMetric(gauge('process_start_time_seconds', help, () => startedAtSeconds));
}

function gauge(name: string, help: string, read: () => number): Gauge {
  return new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
}

function readVirtualBytes(): number {
  return Number.parseInt(readFileSync('/proc/self/statm', 'latin1'), 10) * PAGE_BYTES;
}

function readMaxDescriptors(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return limit === undefined ? 0 : Number(limit);
}
