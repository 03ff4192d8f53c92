// The crash back-off curve of the kubelet: the first restart is immediate, then 10 s doubling to 5 min, forgotten
// when a container ran for more than 10 min.

import { isDue } from '../lib/due.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import type { PodAction } from './pod-plan.ts';

const INITIAL_MS = 10_000;
const FORGET_AFTER_MS = 600_000;
const MAX_DOUBLINGS = 16; // beyond any cap

export interface CrashBackoff {
  readonly delayMs: number;
  readonly advancedAtMs: number;
}

/**
 * The curves as an agent before this one left them, from what the runtime shows: each restart but the first doubled a
 * curve. Restarts that lie far apart count too, so one may be too long, never too short; a long run forgets it either way.
 */
export function deriveBackoffs(
  instances: readonly StartedInstance[],
  maxMs: number,
): ReadonlyMap<string, CrashBackoff> {
  const backoffs = new Map<string, CrashBackoff>();
  for (const { name, restartCount, createdAtMs } of instances) {
    if (backoffs.has(name) || restartCount === 0) continue; // the newest comes first
    const delayMs = Math.min(maxMs, INITIAL_MS * 2 ** Math.min(restartCount - 1, MAX_DOUBLINGS));
    backoffs.set(name, { delayMs, advancedAtMs: createdAtMs });
  }
  return backoffs;
}

interface StartedInstance {
  readonly name: string;
  readonly restartCount: number;
  readonly createdAtMs: number;
}

/** Milliseconds until the container may start again; 0 means now. */
export function remainingBackoffMs(
  backoff: CrashBackoff | undefined,
  finishedAtMs: number,
  nowMs: number,
): number {
  if (!backoff || finishedAtMs - backoff.advancedAtMs > FORGET_AFTER_MS) return 0;
  const untilMs = finishedAtMs + backoff.delayMs;
  return isDue(untilMs, nowMs) ? 0 : untilMs - nowMs;
}

/** The state after a start that the back-off allowed. */
export function advanceBackoff(
  backoff: CrashBackoff | undefined,
  finishedAtMs: number,
  nowMs: number,
  maxMs: number,
): CrashBackoff {
  const isForgotten = !backoff || finishedAtMs - backoff.advancedAtMs > FORGET_AFTER_MS;
  const delayMs = isForgotten ? INITIAL_MS : backoff.delayMs * 2;
  return { delayMs: Math.min(delayMs, maxMs), advancedAtMs: nowMs };
}

/** The curves after the starts of a plan: a restart counts when it begins, so that a start that fails counts too. */
export function countRestarts(
  backoffs: ReadonlyMap<string, CrashBackoff>,
  actions: readonly PodAction[],
  { containers }: ObservedPod,
  { nowMs, maxMs }: { readonly nowMs: number; readonly maxMs: number },
): ReadonlyMap<string, CrashBackoff> {
  const next = new Map(backoffs);
  for (const action of actions) {
    const isRestartOfAll = action.kind === 'removeContainer' && action.restartAll === 'source';
    if (action.kind !== 'startContainer' && !isRestartOfAll) continue;
    const last = containers.find(({ name }) => name === action.containerName);
    if (last?.state !== 'exited') continue;
    const { finishedAtMs = nowMs } = last;
    const before = backoffs.get(action.containerName);
    next.set(action.containerName, advanceBackoff(before, finishedAtMs, nowMs, maxMs));
  }
  return next;
}
