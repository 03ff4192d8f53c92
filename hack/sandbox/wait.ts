import { sleep } from '../../agent/lib/sleep.ts';

const POLL_MS = 100;

export interface WaitOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly pollMs?: number;
}

/** Polls until `probe` gives something other than undefined; names what was waited for when the deadline passes. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  { signal, timeoutMs, pollMs = POLL_MS }: WaitOptions,
): Promise<T> {
  const deadlineAtMs = performance.now() + timeoutMs;
  while (true) {
    signal.throwIfAborted();
    const value = await probe();
    if (value !== undefined) return value;
    if (performance.now() >= deadlineAtMs)
      throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}`);
    await sleep(pollMs, { signal });
  }
}

/** `waitFor` for a condition that is simply true or not yet. */
export async function waitUntil(
  what: string,
  probe: () => Promise<boolean>,
  options: WaitOptions,
): Promise<void> {
  await waitFor(what, async () => ((await probe()) ? true : undefined), options);
}
