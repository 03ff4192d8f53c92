// The end of a pod: why it ended, and what its going away waits for.
import type { PodStep } from '../pod/memory.ts';
import { blocked, done, type ExplainInput, type JudgedStep, timeOf, waiting } from './judged-step.ts';

const NAME = 'terminated';
const END_STEPS: Readonly<Partial<Record<PodStep, string>>> = {
  stop: 'cannot be stopped',
  tearDown: 'its volumes and cgroup cannot be taken down',
  remove: 'its records cannot be removed from the runtime',
};

/** None for a pod that lives. */
export function explainEnd(input: ExplainInput): readonly JudgedStep[] {
  const { pod, memory, lifecycle } = input;
  const isDeleted = pod.metadata.deletionTimestamp !== undefined;
  const { verdict } = memory;
  if (verdict?.isRejection) return [];
  const isOver = verdict !== undefined || isEndedByNode(input);
  if (!isDeleted && !isOver) return [];
  const failed = failedEnd(input);
  if (failed) return [failed];
  if (isOver && !isDeleted) return [endedByNode(input)];
  if (lifecycle === 'terminated' || lifecycle === undefined) return [explainLeftObject(input)];
  return [explainStopping(input)];
}

function isEndedByNode({ pod }: ExplainInput): boolean {
  const { phase, reason, containerStatuses = [] } = pod.status ?? {};
  return phase === 'Failed' && reason !== undefined && containerStatuses.length > 0;
}

function endedByNode({ pod, memory }: ExplainInput): JudgedStep {
  const { reason = 'Failed', message = '' } = memory.verdict ?? pod.status ?? {};
  return {
    step: { name: NAME, state: 'failed', detail: 'the node ended the pod' },
    blocker: { reason, message },
  };
}

function failedEnd({ memory }: ExplainInput): JudgedStep | undefined {
  for (const [step, failure] of memory.stepFailures) {
    const detail = END_STEPS[step];
    if (detail === undefined) continue;
    const { message, failures, retryAtMs } = failure;
    const reason = step === 'stop' ? 'FailedKillPod' : 'FailedTearDown';
    return blocked(NAME, detail, { reason, message, attempts: failures, nextTryAtMs: retryAtMs });
  }
  return undefined;
}

function explainStopping({ pod, observed, memory }: ExplainInput): JudgedStep {
  const running =
    observed?.containers.filter(({ state }) => state === 'running').map(({ name }) => name) ?? [];
  if (running.length === 0) return waiting(NAME, 'everything has ended, clearing up');
  const deadlineMs = timeOf(pod.metadata.deletionTimestamp);
  const graceSeconds = memory.termination?.gracePeriodSeconds ?? pod.metadata.deletionGracePeriodSeconds;
  const message = `container ${running.join(', ')} has been asked to end and has not; it is killed ${graceSeconds ?? 30}s after the deletion`;
  return blocked(NAME, 'waits for containers to end', {
    reason: 'Killing',
    message,
    nextTryAtMs: deadlineMs,
  });
}

// The node is done with it, and still the object is there.
function explainLeftObject({ pod }: ExplainInput): JudgedStep {
  const { finalizers = [] } = pod.metadata;
  if (finalizers.length === 0) return done(NAME, 'nothing is left of it on this node');
  const message = `nothing is left of it on this node; the object stays until its finalizers are removed: ${finalizers.join(', ')}`;
  return blocked(NAME, 'the object has finalizers', { reason: 'Finalizers', message });
}
