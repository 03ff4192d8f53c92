// What one family's rules cost and how late they are, by kube-proxy's names.
import { Counter, Gauge, Histogram } from 'prom-client';
import { metricsRegistry } from '../lib/metrics.ts';
import type { Family } from './service-port.ts';

export const FAMILY_LABEL: Readonly<Record<Family, string>> = { 4: 'IPv4', 6: 'IPv6' };

const range = (first: number, step: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => first + step * index);

// As kube-proxy's: 1 ms to 16 s, and 0.25 s to 5 min.
const SYNC_BUCKETS = Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index);
const PROGRAMMING_BUCKETS = [
  ...range(0.25, 0.25, 2),
  ...range(1, 1, 59),
  ...range(60, 5, 12),
  ...range(120, 30, 7),
];

const labelNames = ['ip_family'];
const registers = [metricsRegistry];

const syncDuration = new Histogram({
  name: 'kubeproxy_sync_proxy_rules_duration_seconds',
  help: 'Time to bring the rules of one IP family up to date',
  labelNames,
  buckets: SYNC_BUCKETS,
  registers,
});
const fullDuration = new Histogram({
  name: 'kubeproxy_sync_full_proxy_rules_duration_seconds',
  help: 'Time to write all rules of one IP family',
  labelNames,
  buckets: SYNC_BUCKETS,
  registers,
});
const partialDuration = new Histogram({
  name: 'kubeproxy_sync_partial_proxy_rules_duration_seconds',
  help: 'Time to write what had changed of the rules of one IP family',
  labelNames,
  buckets: SYNC_BUCKETS,
  registers,
});
const programmingDuration = new Histogram({
  name: 'kubeproxy_network_programming_duration_seconds',
  help: 'From the change of a pod or Service to the rules that follow from it, by the annotation on the EndpointSlice',
  labelNames,
  buckets: PROGRAMMING_BUCKETS,
  registers,
});
const lastSync = new Gauge({
  name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
  help: 'When the rules of one IP family were last brought up to date',
  labelNames,
  registers,
});
const lastQueued = new Gauge({
  name: 'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
  help: 'When something changed that the rules of one IP family depend on',
  labelNames,
  registers,
});
const restoreFailures = new Counter({
  name: 'kubeproxy_sync_proxy_rules_iptables_restore_failures_total',
  help: 'Transactions that iptables-restore did not take, the xtables lock being held among other reasons',
  labelNames,
  registers,
});
const repairs = new Counter({
  name: 'nodelet_proxy_rules_repaired_total',
  help: 'How often somebody else had removed rules and they were put back',
  labelNames,
  registers,
});

export type SyncKind = 'full' | 'partial';

export class SyncMetrics {
  readonly #labels: { readonly ip_family: string };

  constructor(family: Family) {
    this.#labels = { ip_family: FAMILY_LABEL[family] };
  }

  queued(): void {
    lastQueued.setToCurrentTime(this.#labels);
  }

  synced(kind: SyncKind, durationMs: number): void {
    const seconds = durationMs / 1000;
    syncDuration.observe(this.#labels, seconds);
    (kind === 'full' ? fullDuration : partialDuration).observe(this.#labels, seconds);
    lastSync.setToCurrentTime(this.#labels);
  }

  /** What the rules just written had waited for since then. */
  programmed(sinceMs: readonly number[]): void {
    for (const ms of sinceMs) programmingDuration.observe(this.#labels, Math.max(0, Date.now() - ms) / 1000);
  }

  failed(): void {
    restoreFailures.inc(this.#labels);
  }

  repaired(): void {
    repairs.inc(this.#labels);
  }
}
