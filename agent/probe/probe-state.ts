// When a probe runs and what its results add up to. Pure; times are of one clock that never jumps.
//
//            startup decided, or liveness failed
//   probing ------------------------------------> on hold     until the container's next instance
//
// Counted runs stand on a grid of the period that slow runs do not shift. The kubelet's grid begins with the pod, so
// that a container has about a period before the first liveness or startup run can count against it; here it begins
// with the container, one period in. Between the grid's points early runs look whether the container has come up: what
// they find good counts, what they find bad is neither counted nor told.

import type { ProbeSpec, ProbeType } from './probe-spec.ts';

export type ProbeVerdict = 'success' | 'failure' | 'unknown';

const EARLY_NETWORK_MS = 50;
const EARLY_EXEC_MS = 1000; // each costs a process

export interface ProbeState {
  readonly verdict: ProbeVerdict;
  /** The results in a row that say the same, up to the latest. */
  readonly streak: { readonly isSuccess: boolean; readonly length: number } | undefined;
  readonly isOnHold: boolean;
  /** The next run that counts in any case. */
  readonly dueAtMs: number;
  /** The next run before that; none is Infinity. */
  readonly earlyAtMs: number;
  /** How long after this the early runs follow each other, doubling; they end when it exceeds the period. */
  readonly earlyDelayMs: number;
}

/** Upstream's values until the first result. */
export const INITIAL_VERDICTS: Readonly<Record<ProbeType, ProbeVerdict>> = {
  startup: 'unknown',
  liveness: 'success',
  readiness: 'failure',
};

/** A container instance that is to be probed from now on. */
export interface ProbeStart {
  readonly startedAtMs: number;
  /** When its startup probe let the others begin; without one, `startedAtMs`. */
  readonly openedAtMs: number;
  readonly nowMs: number;
  /** Runs already when the agent starts: what was said of it holds, and the runs are spread by this part of the period. */
  readonly adopted: { readonly verdict: ProbeVerdict; readonly spread: number } | undefined;
}

export function beginProbe(spec: ProbeSpec, start: ProbeStart): ProbeState {
  const { type, periodMs } = spec;
  const delayedAtMs = start.startedAtMs + spec.initialDelayMs;
  const base: ProbeState = {
    verdict: INITIAL_VERDICTS[type],
    streak: undefined,
    isOnHold: false,
    dueAtMs: Math.max(delayedAtMs, start.openedAtMs, start.nowMs),
    earlyAtMs: Number.POSITIVE_INFINITY,
    earlyDelayMs: firstEarlyDelayMs(spec),
  };
  if (start.adopted) {
    const { verdict, spread } = start.adopted;
    const dueAtMs = Math.max(delayedAtMs, start.nowMs + spread * periodMs);
    const hasComeUp = verdict === 'success';
    return {
      ...base,
      verdict,
      isOnHold: type === 'startup' && hasComeUp,
      dueAtMs,
      earlyDelayMs: hasComeUp ? Number.POSITIVE_INFINITY : base.earlyDelayMs,
    };
  }
  if (type === 'readiness') return base;
  const dueAtMs = Math.max(delayedAtMs, start.openedAtMs + periodMs, start.nowMs);
  return { ...base, dueAtMs, earlyAtMs: type === 'startup' ? delayedAtMs : Number.POSITIVE_INFINITY };
}

/** No more runs for this instance, and nothing for anybody to act on. */
export function settleProbe(): ProbeState {
  const never = Number.POSITIVE_INFINITY;
  return {
    verdict: 'success',
    streak: undefined,
    isOnHold: true,
    dueAtMs: never,
    earlyAtMs: never,
    earlyDelayMs: never,
  };
}

function firstEarlyDelayMs({ handler, successThreshold }: ProbeSpec): number {
  if (successThreshold > 1) return Number.POSITIVE_INFINITY; // successes are to be a period apart
  return handler.exec ? EARLY_EXEC_MS : EARLY_NETWORK_MS;
}

/** Infinity while on hold. */
export function nextRunAtMs(state: ProbeState): number {
  return state.isOnHold ? Number.POSITIVE_INFINITY : Math.min(state.dueAtMs, state.earlyAtMs);
}

/** Whether a run that begins now counts when it fails. */
export function isCounted(state: ProbeState, nowMs: number): boolean {
  return nowMs >= state.dueAtMs;
}

/** The state after a run; `isSuccess` is undefined for one that says nothing. */
export function recordRun(
  spec: ProbeSpec,
  state: ProbeState,
  run: { readonly wasCounted: boolean; readonly isSuccess: boolean | undefined },
  nowMs: number,
): ProbeState {
  const moved = reschedule(spec, state, run, nowMs);
  if (run.isSuccess === undefined || (!run.isSuccess && !run.wasCounted)) return moved;
  const { isSuccess } = run;
  const length = state.streak?.isSuccess === isSuccess ? state.streak.length + 1 : 1;
  const counted = { ...moved, streak: { isSuccess, length } };
  if (length < (isSuccess ? spec.successThreshold : spec.failureThreshold)) return counted;
  const isDecided = spec.type === 'startup' || (spec.type === 'liveness' && !isSuccess);
  return { ...counted, verdict: isSuccess ? 'success' : 'failure', isOnHold: isDecided };
}

function reschedule(
  spec: ProbeSpec,
  state: ProbeState,
  run: { readonly wasCounted: boolean; readonly isSuccess: boolean | undefined },
  nowMs: number,
): ProbeState {
  const dueAtMs = run.wasCounted ? nextOnGrid(state.dueAtMs, spec.periodMs, nowMs) : state.dueAtMs;
  const mayBeEarly =
    spec.type !== 'liveness' && run.isSuccess === false && state.earlyDelayMs < spec.periodMs;
  const earlyAtMs = mayBeEarly ? nowMs + state.earlyDelayMs : Number.POSITIVE_INFINITY;
  // Having been ready once, a container that fails is looked at with its period alone.
  const earlyDelayMs = run.isSuccess ? Number.POSITIVE_INFINITY : state.earlyDelayMs * 2;
  return { ...state, dueAtMs, earlyAtMs, earlyDelayMs };
}

// One point that was missed is made up for at once, further ones are left out.
function nextOnGrid(dueAtMs: number, periodMs: number, nowMs: number): number {
  const missed = Math.floor((nowMs - dueAtMs) / periodMs);
  return dueAtMs + periodMs * Math.max(1, missed);
}
