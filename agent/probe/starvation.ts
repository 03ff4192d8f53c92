// A probe that ran out of time while this process had none itself says nothing about the container, and killing
// healthy containers on a busy node makes it busier. Such a run is repeated at once instead of being counted, a few
// times at most, so a container that really hangs is found a few timeouts later. Always on: with an agent that gets its
// time nothing changes. Only timeouts of our own are doubted; those that the runtime keeps (exec) it kept.

import { performance } from 'node:perf_hooks';
import { Counter } from 'prom-client';
import { metricsRegistry } from '../lib/metrics.ts';
import type { ProbeOutcome } from './probe-outcome.ts';

const REPEATS_MAX = 3;
// Busy or late for half of the probe's time: what was left may have been too short for a healthy answer.
const STARVED_SHARE = 0.5;

const inconclusiveTotal = new Counter({
  name: 'nodelet_prober_inconclusive_total',
  help: 'Number of probes that timed out while the agent itself got no time, and were repeated',
  labelNames: ['probe_type'],
  registers: [metricsRegistry],
});

/** Runs a probe again for as long as its timeout may be ours. */
export async function repeatWhileStarved(
  probeType: string,
  run: () => Promise<ProbeOutcome>,
): Promise<ProbeOutcome> {
  for (let repeats = 0; ; repeats += 1) {
    const startedAtMs = performance.now();
    const before = performance.eventLoopUtilization();
    const outcome = await run();
    if (outcome.kind !== 'failure' || outcome.ownTimeoutMs === undefined) return outcome;
    const lateMs = performance.now() - startedAtMs - outcome.ownTimeoutMs;
    const busyMs = performance.eventLoopUtilization(before).active;
    const isStarved = Math.max(lateMs, busyMs) >= outcome.ownTimeoutMs * STARVED_SHARE;
    if (!isStarved || repeats >= REPEATS_MAX) return outcome;
    inconclusiveTotal.inc({ probe_type: probeType });
  }
}
