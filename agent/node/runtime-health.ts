// What of the runtime keeps the node from being Ready, in the kubelet's words with the cause added.
import { findHungCalls, type InFlightCall } from '../cri/in-flight.ts';

export interface RuntimeCondition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface RuntimeFacts {
  /** The last CRI Status answer; undefined before the first. */
  readonly conditions: readonly RuntimeCondition[] | undefined;
  /** By type of a condition that was true before: since when it is not. */
  readonly lostSinceMs: ReadonlyMap<string, number>;
  /** Since when Status fails, and why; undefined while it answers. */
  readonly failure: { readonly sinceMs: number; readonly cause: string } | undefined;
  readonly inFlight: readonly InFlightCall[];
}

// Not Ready takes the readiness of every pod along (node lifecycle controller), so a quick restart of the runtime is
// waited for, but within the second the cause is named; the kubelet waits 30 s.
export const RUNTIME_DOWN_AFTER_MS = 900;

// A CNI configuration that is being replaced is gone for a moment; the same reasoning, within the second.
const CONDITION_LOST_AFTER_MS = 500;

// Calls take milliseconds; on a crowded disk seconds.
const HUNG_CALL_AFTER_MAX_MS = 60_000;

/** Half the runtimeRequestTimeout at most, so that the call is still under way when it is named. */
export function hungCallAfterMs(requestTimeoutMs: number): number {
  return Math.min(HUNG_CALL_AFTER_MAX_MS, requestTimeoutMs / 2);
}

const NETWORK_TEXT = 'container runtime network not ready';

/**
 * Problems in the order of the kubelet's Ready message; a call is hung when it is `overdueMs` late, and
 * `describeSubject` makes a pod's name of its UID.
 */
export function findRuntimeProblems(
  facts: RuntimeFacts,
  nowMs: number,
  overdueMs: number,
  describeSubject: (subject: string) => string,
): readonly string[] {
  const { conditions, failure } = facts;
  if (failure && nowMs - failure.sinceMs >= RUNTIME_DOWN_AFTER_MS) {
    return [`container runtime is down: ${failure.cause}`];
  }
  const isLasting = (type: string) => (): boolean =>
    nowMs - (facts.lostSinceMs.get(type) ?? 0) >= CONDITION_LOST_AFTER_MS;
  if (!conditions) return ['container runtime status check may not have completed yet'];
  return [
    ...findHungCalls(facts.inFlight, { nowMs, overdueMs }).map(({ method, subject }) =>
      // Without its age: a message that changes every second would be a write every second.
      [`container runtime call ${method}`, subject && `for ${describeSubject(subject)}`, 'does not return']
        .filter(part => part !== '')
        .join(' '),
    ),
    ...conditionProblem(conditions, 'RuntimeReady', 'container runtime not ready').filter(
      isLasting('RuntimeReady'),
    ),
    ...conditionProblem(conditions, 'NetworkReady', NETWORK_TEXT).filter(isLasting('NetworkReady')),
  ];
}

/** Why pods with a network of their own cannot start; undefined when they can or nobody knows. */
export function findNetworkProblem(facts: RuntimeFacts): string | undefined {
  return facts.conditions && conditionProblem(facts.conditions, 'NetworkReady', NETWORK_TEXT)[0];
}

function conditionProblem(
  conditions: readonly RuntimeCondition[],
  type: string,
  text: string,
): readonly string[] {
  const condition = conditions.find(candidate => candidate.type === type);
  if (!condition) return [`${text}: runtime reports no ${type}`];
  if (condition.status) return [];
  return [`${text}: ${type}=false reason:${condition.reason} message:${condition.message}`];
}
