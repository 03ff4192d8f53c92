// /metrics/slis: the health checks as series (k8s.io/component-base/metrics/prometheus/slis).
import { Counter, Gauge, Registry } from 'prom-client';
import type { HealthCheck } from '../healthz.ts';

const TYPE = 'healthz';

export class HealthMetrics {
  readonly #checks: readonly HealthCheck[];
  readonly #registry = new Registry();
  readonly #state = new Gauge({
    name: 'kubernetes_healthcheck',
    help: '[STABLE] This metric records the result of a single healthcheck.',
    labelNames: ['name', 'type'],
    registers: [this.#registry],
  });
  readonly #total = new Counter({
    name: 'kubernetes_healthchecks_total',
    help: '[STABLE] This metric records the results of all healthcheck.',
    labelNames: ['name', 'type', 'status'],
    registers: [this.#registry],
  });

  constructor(checks: readonly HealthCheck[]) {
    this.#checks = checks;
  }

  /** Runs the checks: a scrape sees how things are, not how they were. */
  async text(): Promise<string> {
    for (const { name, problem } of this.#checks) {
      const isHealthy = problem() === undefined;
      this.#state.set({ name, type: TYPE }, isHealthy ? 1 : 0);
      this.#total.inc({ name, type: TYPE, status: isHealthy ? 'success' : 'error' });
    }
    return await this.#registry.metrics();
  }
}
