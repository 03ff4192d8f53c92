import { systemClock } from '../lib/clock.ts';

/** A call that has been sent and not yet answered. */
export interface InFlightCall {
  /** `RunPodSandbox`, `StopContainer` ... */
  readonly method: string;
  /** The pod's UID where the caller gave it, else the sandbox's or container's ID or the image; empty for calls about the runtime. */
  readonly subject: string;
  readonly startedAtMs: number;
  /** What the call may take by its nature: a stop's grace, an exec's timeout; Infinity for a pull. Hung means older than this and some. */
  readonly expectedMs: number;
}

/** Names the calls under way, so that the node can say which one hangs. */
export class InFlightCalls {
  readonly #calls = new Set<InFlightCall>();

  list(): readonly InFlightCall[] {
    return [...this.#calls];
  }

  /** Returns what ends the entry. */
  begin(method: string, subject: string, expectedMs: number): () => void {
    const call = { method, subject, startedAtMs: systemClock.nowMs(), expectedMs };
    this.#calls.add(call);
    return () => this.#calls.delete(call);
  }
}

/** The calls that have outlived what is expected of them by more than `overdueMs`, oldest first. */
export function findHungCalls(
  calls: readonly InFlightCall[],
  { nowMs, overdueMs }: { readonly nowMs: number; readonly overdueMs: number },
): readonly InFlightCall[] {
  return calls
    .filter(call => nowMs - call.startedAtMs - call.expectedMs > overdueMs)
    .toSorted((a, b) => a.startedAtMs - b.startedAtMs);
}
