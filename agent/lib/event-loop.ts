// How late the event loop is: what everything else in this process waits for.
import { Histogram } from 'prom-client';
import { metricsRegistry } from './metrics.ts';
import { sleep } from './sleep.ts';

const LOOK_MS = 5000; // a quiet agent wakes up as seldom as it can
const RECENT_LOOKS = 12;

const delaySeconds = new Histogram({
  name: 'nodelet_event_loop_delay_seconds',
  help: 'How much later than due a timer of the agent ran, sampled every five seconds.',
  buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  registers: [metricsRegistry],
});

export class EventLoopDelay {
  /** Of the last minute, newest last. */
  readonly #recentMs: number[] = [];

  /** The longest of the last minute. */
  get recentMaxMs(): number {
    return Math.max(0, ...this.#recentMs);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const dueAtMs = performance.now() + LOOK_MS;
      await sleep(LOOK_MS, { signal });
      const delayMs = Math.max(0, performance.now() - dueAtMs);
      if (signal.aborted) return;
      delaySeconds.observe(delayMs / 1000);
      this.#recentMs.push(delayMs);
      if (this.#recentMs.length > RECENT_LOOKS) this.#recentMs.shift();
    }
  }
}
