import { Counter, Histogram } from 'prom-client';
import { probeMetricsRegistry } from '../lib/metrics.ts';

const probeTotal = new Counter({
  name: 'prober_probe_total',
  help: 'Cumulative number of a liveness, readiness or startup probe for a container by result.',
  labelNames: ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'],
  registers: [probeMetricsRegistry],
});

const probeDurationSeconds = new Histogram({
  name: 'prober_probe_duration_seconds',
  help: 'Duration in seconds for a probe response.',
  labelNames: ['probe_type', 'container', 'pod', 'namespace'],
  registers: [probeMetricsRegistry],
});

export interface ProbeLabels {
  readonly probe_type: string;
  readonly container: string;
  readonly pod: string;
  readonly namespace: string;
  readonly pod_uid: string;
}

/** One probe's series, which end with it. */
export class ProbeMetrics {
  readonly #labels: ProbeLabels;

  constructor(labels: ProbeLabels) {
    this.#labels = labels;
  }

  record(isSuccess: boolean, durationMs: number): void {
    probeTotal.inc({ ...this.#labels, result: isSuccess ? 'successful' : 'failed' });
    // As upstream: only of those that passed.
    if (isSuccess) probeDurationSeconds.observe(this.#durationLabels(), durationMs / 1000);
  }

  remove(): void {
    for (const result of ['successful', 'failed']) probeTotal.remove({ ...this.#labels, result });
    probeDurationSeconds.remove(this.#durationLabels());
  }

  #durationLabels(): Omit<ProbeLabels, 'pod_uid'> {
    const { pod_uid: _, ...labels } = this.#labels;
    return labels;
  }
}
