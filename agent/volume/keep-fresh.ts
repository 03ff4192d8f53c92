// Keeps what a pod is given for a time (a token, a certificate) fresh.
import { Backoff, type BackoffOptions } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { sleep } from '../lib/sleep.ts';

export interface FreshThing {
  /** When the first attempt is due; 0: now. */
  readonly dueAtMs: number;
  /** Gets it: when it is due again, or that it was in vain; `over`: no other attempt makes sense. */
  readonly attempt: () => Promise<number | 'failed' | 'over'>;
  readonly retry: BackoffOptions;
  /** How many failures in a row are ordinary: the authoriser, for one, learns of a new pod after us. */
  readonly patience: number;
  /** After those: whoever waits for the first one waits no longer. */
  readonly onImpatience: () => void;
}

// Timers stand still while the machine sleeps: look at the clock now and then.
const MAX_SLEEP_MS = 60_000;
// Less is a clock that is being adjusted.
const CLOCK_STEP_MS = 5_000;

/** Until the signal aborts or nothing is left to try. */
export async function keepFresh(
  { dueAtMs, attempt, retry, patience, onImpatience }: FreshThing,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const backoff = new Backoff(retry);
  let nextAtMs = dueAtMs;
  let seenMs = clock.nowMs();
  while (!signal.aborted) {
    const nowMs = clock.nowMs();
    // The clock was set back: what is from before ends, for everybody else, long before we would renew it.
    if (nowMs < seenMs - CLOCK_STEP_MS) nextAtMs = nowMs;
    seenMs = nowMs;
    const delayMs = nextAtMs - nowMs;
    if (delayMs > 0) {
      await sleep(Math.min(delayMs, MAX_SLEEP_MS), { signal });
      continue;
    }
    const outcome = await attempt();
    if (outcome === 'over') return;
    if (outcome !== 'failed') {
      backoff.reset();
      nextAtMs = outcome;
      continue;
    }
    nextAtMs = clock.nowMs() + backoff.nextMs();
    if (backoff.failures >= patience) onImpatience();
  }
}
