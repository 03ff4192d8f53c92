// The three states of a pod worker; there is no way back for a UID.
//
//   syncing ----> terminating ----> terminated
//     |  deleted, terminal phase,     |  nothing runs, no sandbox holds
//     |  gone from the API, done      |  a network any more

import type { ObservedPod } from '../runtime/observed-pod.ts';
import { isFullyStopped } from '../runtime/observed-pod.ts';
import { type DesiredPod, isTerminalPhase } from './desired-pod.ts';
import type { Termination } from './memory.ts';

export type PodLifecycle = 'syncing' | 'terminating' | 'terminated';

// A pod that exists only in the runtime has no spec to ask: the kubelet gives it one second.
const ORPHAN_GRACE_SECONDS = 1;
const DEFAULT_GRACE_SECONDS = 30;

export function nextLifecycle(
  current: PodLifecycle,
  desired: DesiredPod | undefined,
  observed: ObservedPod,
  isComplete: boolean,
): PodLifecycle {
  switch (current) {
    case 'syncing':
      if (!shouldTerminate(desired) && !isComplete) return 'syncing';
      return nextLifecycle('terminating', desired, observed, isComplete);
    case 'terminating':
      return isFullyStopped(observed) ? 'terminated' : 'terminating';
    case 'terminated':
      return 'terminated';
  }
}

export function shouldTerminate(desired: DesiredPod | undefined): boolean {
  if (!desired) return true;
  return desired.pod.metadata.deletionTimestamp !== undefined || isTerminalPhase(desired.pod.status?.phase);
}

/** The grace to stop with: what was recorded, unless the API now asks for less; never under one second. */
export function nextTermination(
  recorded: Termination | undefined,
  desired: DesiredPod | undefined,
  lastSpecGraceSeconds: number | undefined,
): Termination {
  const asked = desired?.pod.metadata.deletionGracePeriodSeconds;
  const known = recorded?.gracePeriodSeconds;
  const fallback =
    desired?.pod.spec.terminationGracePeriodSeconds ??
    lastSpecGraceSeconds ??
    (desired ? DEFAULT_GRACE_SECONDS : ORPHAN_GRACE_SECONDS);
  const effective =
    asked !== undefined && (known === undefined || asked < known) ? asked : (known ?? fallback);
  return { gracePeriodSeconds: Math.max(1, effective) };
}
