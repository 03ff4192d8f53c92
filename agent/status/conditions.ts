// Pod conditions the node owns (pkg/kubelet/status/generate.go). Conditions of others are never touched.

import type { ContainerStatus, Pod, PodCondition } from '../api/objects.ts';
import { mayRestartAllContainers } from '../resources/restart-policy.ts';
import { isSidecar, type PodPhase } from './phase.ts';
import type { ResizeReport } from './status-input.ts';

/** True from the end that asks for it until the last container is removed (KEP-5532). */
export const ALL_CONTAINERS_RESTARTING = 'AllContainersRestarting';

/** Condition types this node writes; the rest of the list belongs to controllers. */
export const OWNED_CONDITIONS: ReadonlySet<string> = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  ALL_CONTAINERS_RESTARTING,
  'PodResizePending',
  'PodResizeInProgress',
]);

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>;

const TRUE: Verdict = { status: 'True' };

export interface ConditionInput {
  readonly pod: Pod;
  readonly phase: PodPhase;
  readonly initContainerStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
  readonly hasNetwork: boolean;
  /** Why the node ended the pod for the sake of others (condition DisruptionTarget). */
  readonly disruption?: string | undefined;
  readonly resize: ResizeReport;
  /** A container's end makes all of them start over. */
  readonly isRestartingAll: boolean;
  readonly now: string;
}

/** The complete condition list: foreign ones first and unchanged, then ours in the kubelet's order. */
export function buildConditions(input: ConditionInput): readonly PodCondition[] {
  const old = input.pod.status?.conditions ?? [];
  const containersReady = containersReadyVerdict(input);
  const verdicts: readonly (readonly [string, Verdict])[] = [
    ['PodReadyToStartContainers', input.hasNetwork ? TRUE : { status: 'False' }],
    ['Initialized', initializedVerdict(input)],
    ['Ready', readyVerdict(input.pod, containersReady)],
    ['ContainersReady', containersReady],
    ['PodScheduled', TRUE],
  ];
  const own = verdicts.map(([type, verdict]) => buildCondition(input, type, verdict, old));
  const disruption = buildDisruption(input, old);
  const foreign = old.filter(({ type }) => !OWNED_CONDITIONS.has(type) && type !== disruption?.type);
  const shared = [...buildResizeConditions(input, old), ...(disruption ? [disruption] : [])];
  return [...foreign, ...shared, ...own, ...buildRestartCondition(input, old)];
}

// Only of pods with a rule for it, and without a generation, as the kubelet has it.
function buildRestartCondition(input: ConditionInput, old: readonly PodCondition[]): PodCondition[] {
  if (!mayRestartAllContainers(input.pod.spec)) return [];
  const verdict = restartVerdict(input);
  const condition = buildCondition(input, ALL_CONTAINERS_RESTARTING, verdict, old);
  const { observedGeneration: _generation, ...withoutGeneration } = condition;
  return [withoutGeneration];
}

function restartVerdict({ phase, isRestartingAll }: ConditionInput): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  if (!isRestartingAll) return { status: 'False' };
  const message = 'container exited with restart policy rule';
  return { status: 'True', reason: 'RestartAllContainersStarted', message };
}

// There only while there is something to tell. What is in progress keeps the generation it began with.
function buildResizeConditions(input: ConditionInput, old: readonly PodCondition[]): PodCondition[] {
  const { pending, isInProgress, error, generation } = input.resize;
  const conditions: PodCondition[] = [];
  if (pending) {
    const before = old.find(({ type }) => type === 'PodResizePending');
    const condition = buildCondition(input, 'PodResizePending', { status: 'True', ...pending }, old);
    const isSame = before?.reason === pending.reason;
    conditions.push(isSame ? condition : { ...condition, lastTransitionTime: input.now });
  }
  if (isInProgress) {
    const verdict: Verdict = { status: 'True', ...(error ? { reason: 'Error', message: error } : {}) };
    const condition = buildCondition(input, 'PodResizeInProgress', verdict, old);
    const before = old.find(({ type }) => type === 'PodResizeInProgress')?.observedGeneration;
    const observedGeneration = generation ?? before;
    conditions.push({ ...condition, ...(observedGeneration === undefined ? {} : { observedGeneration }) });
  }
  return conditions;
}

// Shared with the API server, which sets it for evictions of its own.
function buildDisruption(input: ConditionInput, old: readonly PodCondition[]): PodCondition | undefined {
  if (input.disruption === undefined) return undefined;
  const verdict: Verdict = {
    status: 'True',
    reason: 'TerminationByKubelet',
    message: input.disruption,
  };
  return buildCondition(input, 'DisruptionTarget', verdict, old);
}

function buildCondition(
  { pod, now }: ConditionInput,
  type: string,
  verdict: Verdict,
  old: readonly PodCondition[],
): PodCondition {
  const before = old.find(condition => condition.type === type);
  // Once the pod is over nothing is said anew: why it was not ready in the end stays.
  if (before?.status === verdict.status && isOver(pod)) return before;
  const lastTransitionTime = before?.status === verdict.status ? (before.lastTransitionTime ?? now) : now;
  return {
    type,
    ...verdict,
    lastProbeTime: null,
    lastTransitionTime,
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  };
}

function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

function initializedVerdict({
  pod,
  phase,
  initContainerStatuses,
  containerStatuses,
}: ConditionInput): Verdict {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  const hasRun = containerStatuses.some(({ state }) => state.running ?? state.terminated);
  const was = pod.status?.conditions?.find(({ type }) => type === 'Initialized')?.status;
  if (hasRun || (was === 'True' && initContainerStatuses.length > 0)) return TRUE;
  const incomplete: string[] = [];
  for (const container of pod.spec.initContainers ?? []) {
    const status = initContainerStatuses.find(({ name }) => name === container.name);
    const isDone = isSidecar(container) ? status?.started : status?.ready;
    if (!isDone) incomplete.push(container.name);
  }
  if (incomplete.length === 0) return TRUE;
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.join(' ')}]`,
  };
}

function containersReadyVerdict({
  pod,
  phase,
  initContainerStatuses,
  containerStatuses,
}: ConditionInput): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const unknown: string[] = [];
  const unready: string[] = [];
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar);
  const statuses = [...initContainerStatuses, ...containerStatuses];
  for (const { name } of [...sidecars, ...pod.spec.containers]) {
    const status = statuses.find(candidate => candidate.name === name);
    if (!status) unknown.push(name);
    else if (!status.ready) unready.push(name);
  }
  const messages: string[] = [];
  if (unknown.length > 0) messages.push(`containers with unknown status: [${unknown.join(' ')}]`);
  if (unready.length > 0) messages.push(`containers with unready status: [${unready.join(' ')}]`);
  if (messages.length === 0) return TRUE;
  return { status: 'False', reason: 'ContainersNotReady', message: messages.join(', ') };
}

function readyVerdict(pod: Pod, containersReady: Verdict): Verdict {
  if (containersReady.status !== 'True') return containersReady;
  const messages: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const gate = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (!gate) {
      messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    } else if (gate.status !== 'True') {
      messages.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`);
    }
  }
  if (messages.length === 0) return TRUE;
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
}
