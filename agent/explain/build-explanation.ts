// From everything known about a pod to the chain of what happened and the one thing that holds it up now.
import { explainContainers } from './build-container-steps.ts';
import { explainEnd } from './build-end-step.ts';
import { buildNextCommand } from './build-next-command.ts';
import type { Blocker, ExplainedStep, PodExplanation } from './explanation.ts';
import { blocked, done, type ExplainInput, type JudgedStep, timeOf, waiting } from './judged-step.ts';

export function buildExplanation(input: ExplainInput): PodExplanation {
  const { pod, nowMs } = input;
  const { namespace = 'default', name, uid = '' } = pod.metadata;
  const judged = buildSteps(input);
  const first = judged.find(({ blocker }) => blocker !== undefined);
  return {
    namespace,
    name,
    uid,
    phase: pod.metadata.deletionTimestamp === undefined ? (pod.status?.phase ?? 'Pending') : 'Terminating',
    steps: withDurations(judged.map(({ step }) => step)),
    blocker: first?.blocker && withNext(pod, { step: first.step.name, ...first.blocker }),
    source: 'agent',
    atMs: nowMs,
  };
}

function withNext(pod: ExplainInput['pod'], blocker: Blocker): Blocker {
  return { ...blocker, next: buildNextCommand(pod, blocker) };
}

// A chain: what comes after the first thing that is not done has nothing to say for itself.
function buildSteps(input: ExplainInput): readonly JudgedStep[] {
  const end = explainEnd(input);
  const start = [explainScheduled(input), explainAdmitted(input)];
  if (start.some(({ step }) => step.state === 'failed')) return [...start, ...end];
  if (end.length > 0) return [...start, ...end];
  return [
    ...start,
    explainVolumes(input),
    explainSandbox(input),
    ...explainContainers(input),
    explainReady(input),
  ];
}

function explainScheduled({ pod }: ExplainInput): JudgedStep {
  const condition = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  const { creationTimestamp } = pod.metadata;
  const atMs = timeOf(condition?.lastTransitionTime ?? creationTimestamp);
  return done('scheduled', `to ${pod.spec.nodeName ?? 'this node'}`, atMs);
}

function explainAdmitted({ pod, memory }: ExplainInput): JudgedStep {
  const { verdict } = memory;
  const rejected = verdict?.isRejection ? verdict : rejectionIn(pod);
  if (!rejected) return done('admitted', 'fits on this node', timeOf(pod.status?.startTime));
  const { reason, message } = rejected;
  return {
    step: { name: 'admitted', state: 'failed', detail: 'refused by this node' },
    blocker: { reason, message },
  };
}

/** A pod that failed and of which no container has a status was never taken. */
function rejectionIn({
  status,
}: ExplainInput['pod']): { readonly reason: string; readonly message: string } | undefined {
  const { phase, reason, message = '', containerStatuses = [] } = status ?? {};
  if (phase !== 'Failed' || reason === undefined || containerStatuses.length > 0) return undefined;
  return { reason, message };
}

function explainVolumes({ pod, memory, observed, warnings }: ExplainInput): JudgedStep {
  const name = 'volumes';
  const volumes = pod.spec.volumes ?? [];
  const detail = volumes.length === 0 ? 'none' : volumes.map(volume => volume.name).join(', ');
  const failure = memory.stepFailures.get('volumes');
  if (failure) {
    const { message, failures, retryAtMs } = failure;
    const reason = warnings.find(warning => message.includes(warning.message))?.reason ?? 'FailedMount';
    return blocked(name, 'cannot be set up', { reason, message, attempts: failures, nextTryAtMs: retryAtMs });
  }
  const isReady = memory.volumes !== undefined || (observed?.containers.length ?? 0) > 0;
  return isReady ? done(name, detail) : waiting(name, `being set up: ${detail}`);
}

function explainSandbox({ memory, observed, nodeProblems }: ExplainInput): JudgedStep {
  const name = 'sandbox';
  const newest = observed?.sandboxes[0];
  if (newest?.isReady) {
    const address = newest.isHostNetwork ? "the node's network" : newest.podIPs.join(', ');
    return done(name, address, newest.createdAtMs);
  }
  const failure = memory.stepFailures.get('sandbox');
  if (failure) {
    const { message, failures, retryAtMs } = failure;
    const reason = 'FailedCreatePodSandBox';
    return blocked(name, 'cannot be made', { reason, message, attempts: failures, nextTryAtMs: retryAtMs });
  }
  const [problem] = nodeProblems;
  if (problem !== undefined) {
    return blocked(name, 'the node is not ready', { reason: 'NodeNotReady', message: problem });
  }
  return waiting(name, newest ? 'a new one takes the place of the one that is gone' : 'being made');
}

function explainReady({ pod, warnings }: ExplainInput): JudgedStep {
  const name = 'ready';
  const { conditions = [], phase } = pod.status ?? {};
  if (phase === 'Succeeded') return done(name, 'all containers have ended well');
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return done(name, 'takes traffic', timeOf(ready.lastTransitionTime));
  const gate = pod.spec.readinessGates?.find(
    ({ conditionType }) => conditions.find(({ type }) => type === conditionType)?.status !== 'True',
  );
  const areContainersReady = conditions.find(({ type }) => type === 'ContainersReady')?.status === 'True';
  if (gate && areContainersReady) {
    const message = `condition ${gate.conditionType} is not True; whoever the readiness gate is for has to set it`;
    return blocked(name, 'a readiness gate is closed', { reason: 'ReadinessGatesNotReady', message });
  }
  const { reason, message } = ready ?? {};
  const [last] = warnings;
  return waiting(name, message ?? reason ?? last?.message ?? 'not yet');
}

// API times are whole seconds, the runtime's are not: a step never ends before the one ahead of it.
function withDurations(steps: readonly ExplainedStep[]): readonly ExplainedStep[] {
  let beforeMs: number | undefined;
  return steps.map(step => {
    if (step.atMs === undefined) return step;
    const tookMs = beforeMs === undefined ? undefined : Math.max(0, step.atMs - beforeMs);
    beforeMs = Math.max(beforeMs ?? 0, step.atMs);
    return { ...step, ...(tookMs === undefined ? {} : { tookMs }) };
  });
}
