import { setTimeout as delay } from 'node:timers/promises';

/** Polls every 2 ms until `check` gives something; the milliseconds it took. Throws after the deadline. */
export async function eventually(
  what: string,
  check: () => Promise<boolean>,
  deadlineMs = 5000,
): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    if (await check()) return performance.now() - startedMs;
    if (performance.now() - startedMs > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await delay(2);
  }
}

/** The value below which this share of the samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
