// The statistics endpoints: what they are made of, and their routes.
import type { Registry } from 'prom-client';
import type { Logger } from '../../lib/logger.ts';
import { metricsRegistry, probeMetricsRegistry } from '../../lib/metrics.ts';
import { registerProcessMetrics, registerStartTime } from '../../lib/process-metrics.ts';
import type { ObservedPod } from '../../runtime/observed-pod.ts';
import type { Exchange } from '../exchange.ts';
import { type HealthCheck, PING } from '../healthz.ts';
import type { Route } from '../router.ts';
import { sendBody } from './body.ts';
import { buildCadvisorMetrics, type MachineDescription } from './build-cadvisor-metrics.ts';
import { buildPodCounts } from './build-pod-counts.ts';
import { buildResourceMetrics } from './build-resource-metrics.ts';
import { buildSummary } from './build-summary.ts';
import { buildVolumeMetrics } from './build-volume-metrics.ts';
import { HealthMetrics } from './health-metrics.ts';
import { stringifySummary } from './json.ts';
import { formatFamilies, formatLabels, formatSample, type MetricFamily } from './metric-text.ts';
import type { NodeStats } from './node-stats.ts';
import type { StatsCollector, StatsCollectorDeps, StatsKind } from './stats-collector.ts';
import type { StorageStats } from './storage-stats.ts';

export interface StatisticsDeps {
  readonly collector: StatsCollector;
  readonly storage: StorageStats;
  readonly nodeName: string;
  readonly desiredPods: StatsCollectorDeps['desiredPods'];
  readonly observedPods: () => Iterable<ObservedPod>;
  readonly machine: MachineDescription;
  readonly cgroupVersion: 1 | 2;
  /** `v1.36.4+nodelet.0.1.0` */
  readonly version: string;
  readonly checks?: readonly HealthCheck[];
  readonly logger: Logger;
}

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
// containerd tells its pause image nowhere a container would show it; rules only ask whether there is one.
const PAUSE_IMAGE = 'registry.k8s.io/pause';

export class Statistics {
  readonly #deps: StatisticsDeps;
  readonly #health: HealthMetrics;

  constructor(deps: StatisticsDeps) {
    this.#deps = deps;
    this.#health = new HealthMetrics(deps.checks ?? [PING]);
    registerProcessMetrics(metricsRegistry);
    registerStartTime(probeMetricsRegistry);
  }

  /** Open: the read-only port has them too. */
  get routes(): readonly Route[] {
    const get = (path: string, handle: Route['handle']): Route => ({
      methods: ['GET', 'HEAD'],
      path,
      handle,
      isOpen: true,
    });
    const text = (path: string, read: () => Promise<string> | string): Route =>
      get(path, async exchange => await sendBody(exchange, TEXT, await read()));
    return [
      {
        methods: ['GET', 'POST'],
        path: '/stats/summary',
        isOpen: true,
        handle: one => this.#sendSummary(one),
      },
      text('/metrics', () => this.#metrics()),
      text('/metrics/resource', async () => buildResourceMetrics(await this.#collect('usage'))),
      text('/metrics/cadvisor', () => this.#cadvisorMetrics()),
      text('/metrics/probes', () => probeMetricsRegistry.metrics()),
      text('/metrics/slis', () => this.#health.text()),
    ];
  }

  async #sendSummary(exchange: Exchange): Promise<void> {
    const isUsageOnly = exchange.query.get('only_cpu_and_memory') === 'true';
    const stats = await this.#deps.collector.collect(isUsageOnly ? 'usage' : 'summary');
    await sendBody(exchange, 'application/json', stringifySummary(buildSummary(stats)));
  }

  async #cadvisorMetrics(): Promise<string> {
    const stats = await this.#collect('cadvisor');
    return buildCadvisorMetrics(stats, this.#deps.machine, { pauseImage: PAUSE_IMAGE });
  }

  // A scrape is answered all the same, and says that it failed.
  async #collect(kind: StatsKind): Promise<NodeStats | undefined> {
    try {
      return await this.#deps.collector.collect(kind);
    } catch (error) {
      this.#deps.logger.warn({ kind, err: error }, 'statistics cannot be read');
      return undefined;
    }
  }

  async #metrics(): Promise<string> {
    const { nodeName, cgroupVersion, desiredPods, observedPods, version, storage } = this.#deps;
    const counts = buildPodCounts({
      nodeName,
      cgroupVersion,
      desiredPods: desiredPods(),
      observedPods: [...observedPods()],
    });
    const registered = await registeredMetrics(metricsRegistry);
    const volumes = buildVolumeMetrics(await storage.claims(desiredPods()));
    return registered + formatFamilies([...counts, ...volumes, buildInfo(version)]);
  }
}

/** prom-client's own text has no line end at its end when it is empty. */
async function registeredMetrics(registry: Registry): Promise<string> {
  const text = await registry.metrics();
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

function buildInfo(version: string): MetricFamily {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const name = 'kubernetes_build_info';
  const labels = {
    build_date: '',
    compiler: '',
    git_commit: '',
    git_tree_state: '',
    git_version: version,
    go_version: '',
    major,
    minor,
    platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
  return {
    name,
    type: 'gauge',
    help: '[BETA] The Kubernetes release whose behaviour the node has, as labels.',
    samples: [formatSample(name, formatLabels(labels), 1)],
  };
}
