import { setTimeout as delay } from 'node:timers/promises';

/** Resolves after `delayMs`, or at once when the signal aborts; never rejects, so callers look at `signal.aborted`. */
export async function sleep(delayMs: number, { signal }: { signal: AbortSignal }): Promise<void> {
  if (signal.aborted || delayMs <= 0) return;
  try {
    await delay(delayMs, undefined, { signal });
  } catch {
    // Only an abort rejects here, and the caller asks the signal.
  }
}
