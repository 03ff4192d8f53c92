/** What one run of a handler said, in the terms of Kubernetes' pkg/probe. */
export type ProbeOutcome =
  | { readonly kind: 'success' }
  /** Passed, with something to tell (event `ProbeWarning`). */
  | { readonly kind: 'warning'; readonly message: string }
  /** `ownTimeoutMs`: a timer of ours decided, so a starved agent may be the reason; see starvation.ts. */
  | { readonly kind: 'failure'; readonly message: string; readonly ownTimeoutMs?: number }
  /** The check could not be made: told, but not counted. `result` is the word the event uses. */
  | { readonly kind: 'error'; readonly result: 'unknown' | 'failure'; readonly message: string };
