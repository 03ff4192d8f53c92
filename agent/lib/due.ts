// No retry of the agent waits longer than this: a time further ahead was noted before the clock was set back.
const LONGEST_WAIT_MS = 600_000;

/** Whether the noted wall-clock time has come; a clock that is set back delays nothing. */
export function isDue(atMs: number, nowMs: number): boolean {
  return atMs <= nowMs || atMs - nowMs > LONGEST_WAIT_MS;
}
