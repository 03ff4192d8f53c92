// Which containers of a pod with a good sandbox to start, restart, stop or remove.

import type { Container, Pod } from '../api/objects.ts';
import { isDue } from '../lib/due.ts';
import { isRestartedAfterExit, isRestartedAfterStop } from '../resources/restart-policy.ts';
import type { ObservedPod, ObservedSandbox } from '../runtime/observed-pod.ts';
import {
  type ContainerDecision,
  decideByInstance,
  decideRestart,
  isChanged,
  isStoppedForRestart,
} from './decide-container.ts';
import type { WaitingReason } from './memory.ts';
import { type DecidedContainer, planInit } from './plan-init.ts';
import { needsResize } from './plan-resize.ts';
import { planRestartAll } from './plan-restart-all.ts';
import { addStep, earliest, NOTHING, type PlanInput, type PodAction, type PodPlan } from './pod-plan.ts';

// One dead instance per container stays for `kubectl logs --previous` and lastState (the kubelet's default).
const DEAD_INSTANCES_KEPT = 1;

export function planContainers(input: PlanInput, pod: Pod, sandbox: ObservedSandbox): PodPlan {
  const restart = planRestartAll(input, pod);
  if (restart) return restart;
  const init = planInit(input, pod, sandbox);
  if (init.decisions.some(({ decision }) => decision.kind === 'failed'))
    return { ...NOTHING, isComplete: true };
  const regular = init.isInitialized
    ? pod.spec.containers.map(c => decideRegular(input, pod, sandbox, c))
    : [];
  // Sidecars do not keep a pod alive whose regular containers have all ended.
  if (init.isInitialized && regular.every(({ decision }) => isEnd(decision))) {
    return { ...NOTHING, isComplete: true };
  }
  const ephemeral = (pod.spec.ephemeralContainers ?? []).map(c => decideEphemeral(input, pod, sandbox, c));
  return planDecisions(input, pod, sandbox, [...ephemeral, ...init.decisions, ...regular]);
}

// When the last containers are stopped for good, the pod is: it ends as a whole.
function isEnd(decision: ContainerDecision): boolean {
  return decision.kind === 'done' || (decision.kind === 'stop' && !decision.isForRestart);
}

function planDecisions(
  input: PlanInput,
  pod: Pod,
  sandbox: ObservedSandbox,
  decisions: readonly DecidedContainer[],
): PodPlan {
  const waits: number[] = [];
  const waiting = new Map<string, WaitingReason>();
  const actions: PodAction[] = planVolumes(input, waits);
  for (const { container, decision } of decisions) {
    const containerName = container.name;
    if (decision.kind === 'backoff') waiting.set(containerName, decision.waiting);
    if (decision.kind === 'backoff' || decision.kind === 'retryLater') waits.push(decision.untilMs);
    if (decision.kind === 'stop') {
      const { kind: _kind, ...rest } = decision;
      const stop = { containerName, order: 0, ...rest };
      addStep(input, 'stop', { kind: 'stopContainer', ...stop }, actions, waits);
    }
    if (decision.kind === 'remove') {
      const { containerId } = decision;
      addStep(input, 'remove', { kind: 'removeContainer', containerName, containerId }, actions, waits);
    }
  }
  if (actions.length === 0 && needsResize(pod, input.memory)) {
    addStep(input, 'resize', { kind: 'resizePod' }, actions, waits);
  }
  if (input.memory.volumes !== undefined && actions.length === 0) actions.push(...firstStart(decisions));
  if (actions.length === 0) actions.push(...planRemovals(input, sandbox, waits));
  return { actions, recheckAtMs: earliest(waits), waiting, isComplete: false };
}

// Also for a pod that runs already: the files of a pod adopted after a restart are kept up to date again.
function planVolumes(input: PlanInput, waits: number[]): PodAction[] {
  const actions: PodAction[] = [];
  if (input.memory.volumes === undefined) {
    addStep(input, 'volumes', { kind: 'prepareVolumes' }, actions, waits);
  }
  return actions;
}

// One start at a time: a container is not created before the one ahead of it has started (spec order is a promise).
function firstStart(decisions: readonly DecidedContainer[]): PodAction[] {
  for (const { container, decision } of decisions) {
    if (decision.kind !== 'start') continue;
    const { attempt, createdId } = decision;
    return [{ kind: 'startContainer', containerName: container.name, attempt, createdId }];
  }
  return [];
}

function decideRegular(
  input: PlanInput,
  pod: Pod,
  sandbox: ObservedSandbox,
  container: Container,
): DecidedContainer {
  const deciding = { input, pod, sandbox, container };
  const decision = decideByInstance(deciding, (instance): ContainerDecision => {
    const isWanted =
      isChanged(container, instance) ||
      (isStoppedForRestart(input, instance) && isRestartedAfterStop(pod.spec, container)) ||
      isRestartedAfterExit(pod.spec, container, instance.exitCode);
    return isWanted ? decideRestart(deciding, instance) : { kind: 'done' };
  });
  return { container, decision };
}

// Started once, never again, and of no weight for the pod (KEP-277).
function decideEphemeral(
  input: PlanInput,
  pod: Pod,
  sandbox: ObservedSandbox,
  container: Container,
): DecidedContainer {
  const isKnown = input.observed.containers.some(
    ({ name, state }) => name === container.name && state !== 'created',
  );
  if (isKnown) return { container, decision: { kind: 'keep' } };
  return {
    container,
    decision: decideByInstance({ input, pod, sandbox, container }, () => ({ kind: 'keep' })),
  };
}

function planRemovals(input: PlanInput, sandbox: ObservedSandbox, waits: number[]): PodAction[] {
  const retryAtMs = input.memory.stepFailures.get('remove')?.retryAtMs ?? 0;
  const removals = removableRecords(input.observed, sandbox);
  if (isDue(retryAtMs, input.nowMs)) return removals;
  if (removals.length > 0) waits.push(retryAtMs);
  return [];
}

function removableRecords(observed: ObservedPod, sandbox: ObservedSandbox): PodAction[] {
  const seen = new Map<string, number>();
  const actions: PodAction[] = [];
  for (const { name, id, state } of observed.containers) {
    if (state !== 'exited') continue;
    const dead = (seen.get(name) ?? 0) + 1;
    seen.set(name, dead);
    if (dead > DEAD_INSTANCES_KEPT)
      actions.push({ kind: 'removeContainer', containerName: name, containerId: id });
  }
  const removed = new Set(
    actions.map(action => (action.kind === 'removeContainer' ? action.containerId : '')),
  );
  const isNeeded = (sandboxId: string): boolean =>
    observed.containers.some(c => c.sandboxId === sandboxId && !removed.has(c.id));
  for (const { id } of observed.sandboxes) {
    if (id !== sandbox.id && !isNeeded(id)) actions.push({ kind: 'removeSandbox', sandboxId: id });
  }
  return actions;
}
