// The decisions of list+watch, pure: what was observed in one state gives the next state and the pause before it.
//
//                     refused (older server)
//        streaming ─────────────────────────────> listing
//          │  ^                                   │  ^
//   synced │  │ expired                    synced │  │ expired, once streaming was refused
//          v  │                                   v  │
//        ┌──────────────────────────────────────────────┐ ──┐
//        │             watching(resourceVersion)        │   │ ended, interrupted, server busy: resume from the
//        └──────────────────────────────────────────────┘ <─┘ last resourceVersion, no new list
//
// `streaming` is the list as a watch (sendInitialEvents): the server sends object by object, so that neither side holds
// a long list as one text. `listing` is the paged list. Both are read without resourceVersion, which means "as new as
// the moment of asking": the kubelet's resourceVersion=0 may answer from a stale cache, and an agent that starts with
// that could kill pods it runs rightly or revive deleted ones. API servers since 1.31 serve it from memory all the same.

import {
  ConflictError,
  DeniedError,
  ExpiredError,
  InvalidError,
  NotFoundError,
  UnavailableError,
} from '../lib/errors.ts';

export type WatchState =
  | { readonly kind: 'streaming' }
  | { readonly kind: 'listing' }
  | { readonly kind: 'watching'; readonly resourceVersion: string };

export type WatchOutcome =
  /** The list is complete; a streaming one now carries the changes. */
  | { readonly kind: 'synced'; readonly resourceVersion: string }
  /** The server closed the stream, as it does every few minutes. */
  | { readonly kind: 'ended'; readonly lastedMs: number; readonly hadEvents: boolean }
  | { readonly kind: 'failed'; readonly error: unknown; readonly lastedMs: number };

/** How long to wait before the next state: not at all, under a second, or as the back-off says. */
export type WatchPause =
  | { readonly kind: 'none' }
  | { readonly kind: 'brief' }
  | { readonly kind: 'backoff'; readonly atLeastMs: number };

export interface WatchStep {
  readonly state: WatchState;
  readonly pause: WatchPause;
  /** Worth a log line when it is the first of its kind in a row. */
  readonly trouble: string | undefined;
}

const NO_PAUSE: WatchPause = { kind: 'none' };
const BRIEF: WatchPause = { kind: 'brief' };
const BACKOFF: WatchPause = { kind: 'backoff', atLeastMs: 0 };
/** A watch that ends sooner than this with nothing in it is trouble, not a server's usual end. */
const SHORT_WATCH_MS = 1000;

export function nextWatchState(state: WatchState, outcome: WatchOutcome, canStream: boolean): WatchStep {
  switch (outcome.kind) {
    case 'synced':
      return calm({ kind: 'watching', resourceVersion: outcome.resourceVersion });
    case 'ended':
      return afterEnd(state, outcome);
    case 'failed':
      return afterFailure(state, outcome, canStream);
  }
}

function afterEnd(
  state: WatchState,
  { lastedMs, hadEvents }: { lastedMs: number; hadEvents: boolean },
): WatchStep {
  if (state.kind !== 'watching')
    return { state, pause: BACKOFF, trouble: 'the list ended before it was complete' };
  if (lastedMs >= SHORT_WATCH_MS || hadEvents) return calm(state);
  return { state, pause: BACKOFF, trouble: 'the watch ended at once and without events' };
}

/** The codes of a DeniedError that a server said; others come from the making of the connection. */
const ANSWERS: readonly string[] = ['Forbidden', 'Unauthorized'];

interface Failure {
  readonly error: unknown;
  readonly lastedMs: number;
}

function afterFailure(state: WatchState, { error, lastedMs }: Failure, canStream: boolean): WatchStep {
  const fresh: WatchState = canStream ? { kind: 'streaming' } : { kind: 'listing' };
  // Not trouble: the position is too old, or the connection went away. The client itself waits for the next connection.
  if (error instanceof ExpiredError && state.kind === 'watching') return calm(fresh, BRIEF);
  if (error instanceof UnavailableError && error.code === 'ConnectionLost') {
    return calm(state, lastedMs < SHORT_WATCH_MS ? BRIEF : NO_PAUSE);
  }
  // No connection at all: the client itself tells why, once for all watches.
  if (error instanceof DeniedError && !ANSWERS.includes(error.code)) return calm(state, BACKOFF);
  const trouble = error instanceof Error ? error.message : String(error);
  if (error instanceof UnavailableError) {
    return { state, pause: { kind: 'backoff', atLeastMs: error.retryAfterMs ?? 0 }, trouble };
  }
  if (error instanceof InvalidError && state.kind === 'streaming') return calm({ kind: 'listing' });
  // Denied, or the kind is not served at present: where we are in the watch is still right.
  if (error instanceof DeniedError || error instanceof NotFoundError || error instanceof ConflictError) {
    return { state, pause: BACKOFF, trouble };
  }
  return { state: fresh, pause: BACKOFF, trouble };
}

function calm(state: WatchState, pause: WatchPause = NO_PAUSE): WatchStep {
  return { state, pause, trouble: undefined };
}
