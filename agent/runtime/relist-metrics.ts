// The kubelet's figures about the relist of its pod lifecycle event generator; ours is rare, events do its work.
import { Gauge, Histogram } from 'prom-client';
import { metricsRegistry } from '../lib/metrics.ts';

const registers = [metricsRegistry];

const durationSeconds = new Histogram({
  name: 'kubelet_pleg_relist_duration_seconds',
  help: '[ALPHA] Duration in seconds for relisting pods in PLEG.',
  registers,
});
const intervalSeconds = new Histogram({
  name: 'kubelet_pleg_relist_interval_seconds',
  help: '[ALPHA] Interval in seconds between relisting in PLEG.',
  registers,
});
const lastSeenSeconds = new Gauge({
  name: 'kubelet_pleg_last_seen_seconds',
  help: '[ALPHA] Timestamp in seconds when PLEG was last seen active.',
  registers,
});

export class RelistMetrics {
  #lastAtMs: number | undefined;

  async measure(relist: () => Promise<void>): Promise<void> {
    const startedAtMs = performance.now();
    if (this.#lastAtMs !== undefined) intervalSeconds.observe((startedAtMs - this.#lastAtMs) / 1000);
    this.#lastAtMs = startedAtMs;
    await relist();
    durationSeconds.observe((performance.now() - startedAtMs) / 1000);
    lastSeenSeconds.setToCurrentTime();
  }
}
