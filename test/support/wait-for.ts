import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;
const DEFAULT_DEADLINE_MS = 30_000;

/**
 * Polls until the condition gives something other than undefined or false, and returns that. When the deadline passes
 * the error says what was waited for, with the last error the condition threw.
 */
export async function waitFor<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  { deadlineMs = DEFAULT_DEADLINE_MS, pollMs = POLL_MS } = {},
): Promise<T> {
  const startedAtMs = performance.now();
  for (;;) {
    let lastError: unknown;
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      lastError = error; // e.g. an API server on its way up; told when the deadline passes
    }
    if (performance.now() - startedAtMs > deadlineMs) {
      throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: lastError });
    }
    await delay(pollMs);
  }
}
