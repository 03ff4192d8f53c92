// Which containers of a pod with a good sandbox to start, restart, stop or remove.

import type { Container, Pod } from '../api/objects.ts';
import { formatDuration } from '../lib/duration.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '../runtime/observed-pod.ts';
import { remainingBackoffMs } from './crash-backoff.ts';
import type { WaitingReason } from './memory.ts';
import { buildContainerHash, formatPod } from './naming.ts';
import { addStep, earliest, NOTHING, type PlanInput, type PodAction, type PodPlan } from './pod-plan.ts';
import { restartPolicyOf, shouldRestart } from './restart-policy.ts';

// One dead instance per container stays for `kubectl logs --previous` and lastState (the kubelet's default).
const DEAD_INSTANCES_KEPT = 1;

export type ContainerDecision =
  | { readonly kind: 'keep' }
  | { readonly kind: 'done' }
  | { readonly kind: 'start'; readonly attempt: number; readonly createdId: string | undefined }
  | { readonly kind: 'stop'; readonly containerId: string; readonly message: string }
  /** Its name is needed for the instance that takes its place. */
  | { readonly kind: 'remove'; readonly containerId: string }
  | { readonly kind: 'backoff'; readonly untilMs: number; readonly waiting: WaitingReason }
  /** An earlier start failed; its reason stays in the status until the next try. */
  | { readonly kind: 'retryLater'; readonly untilMs: number };

export function planContainers(input: PlanInput, pod: Pod, sandbox: ObservedSandbox): PodPlan {
  const decisions = pod.spec.containers.map(container => ({
    container,
    decision: decideContainer(input, pod, container, sandbox),
  }));
  if (decisions.every(({ decision }) => decision.kind === 'done')) return { ...NOTHING, isComplete: true };

  const waits: number[] = [];
  const waiting = new Map<string, WaitingReason>();
  const actions: PodAction[] = planVolumes(input, waits);
  for (const { container, decision } of decisions) {
    if (decision.kind === 'backoff') waiting.set(container.name, decision.waiting);
    if (decision.kind === 'backoff' || decision.kind === 'retryLater') waits.push(decision.untilMs);
    if (decision.kind === 'stop') actions.push(stopAction(pod, container, decision));
    if (decision.kind === 'remove') {
      const { containerId } = decision;
      addStep(
        input,
        'remove',
        { kind: 'removeContainer', containerName: container.name, containerId },
        actions,
        waits,
      );
    }
  }
  if (input.memory.volumes !== undefined && actions.length === 0) actions.push(...firstStart(decisions));
  if (actions.length === 0) actions.push(...planRemovals(input, sandbox, waits));
  return { actions, recheckAtMs: earliest(waits), waiting, isComplete: false };
}

// Also for a pod that runs already: the files of a pod adopted after a restart are kept up to date again.
function planVolumes(input: PlanInput, waits: number[]): PodAction[] {
  const actions: PodAction[] = [];
  if (input.memory.volumes === undefined)
    addStep(input, 'volumes', { kind: 'prepareVolumes' }, actions, waits);
  return actions;
}

// One start at a time: a container is not created before the one ahead of it has started (spec order is a promise).
function firstStart(
  decisions: readonly { readonly container: Container; readonly decision: ContainerDecision }[],
): PodAction[] {
  for (const { container, decision } of decisions) {
    if (decision.kind !== 'start') continue;
    const { attempt, createdId } = decision;
    return [{ kind: 'startContainer', containerName: container.name, attempt, createdId }];
  }
  return [];
}

function stopAction(
  pod: Pod,
  container: Container,
  decision: ContainerDecision & { kind: 'stop' },
): PodAction {
  return {
    kind: 'stopContainer',
    containerName: container.name,
    containerId: decision.containerId,
    gracePeriodSeconds: pod.spec.terminationGracePeriodSeconds ?? 30,
    message: decision.message,
  };
}

function decideContainer(
  input: PlanInput,
  pod: Pod,
  container: Container,
  sandbox: ObservedSandbox,
): ContainerDecision {
  const instance = input.observed.containers.find(({ name }) => name === container.name);
  if (!instance) return startUnlessFailing(input, container.name, { attempt: 0, createdId: undefined });
  switch (instance.state) {
    case 'running':
      return decideRunning(container, instance);
    case 'created':
      return decideCreated(input, container, instance, sandbox);
    case 'startAborted':
      return { kind: 'remove', containerId: instance.id };
    case 'unknown':
      return {
        kind: 'stop',
        containerId: instance.id,
        message: 'Container is in "unknown" state, try killing it before restart',
      };
    case 'exited':
      return decideExited(input, pod, container, instance);
  }
}

function decideRunning(container: Container, instance: ObservedContainer): ContainerDecision {
  if (!isChanged(container, instance)) return { kind: 'keep' };
  return {
    kind: 'stop',
    containerId: instance.id,
    message: `Container ${container.name} definition changed, will be restarted`,
  };
}

// Created but not started: the agent died between the two calls. The instance is good as long as its sandbox is.
function decideCreated(
  input: PlanInput,
  container: Container,
  instance: ObservedContainer,
  sandbox: ObservedSandbox,
): ContainerDecision {
  const isUsable = instance.sandboxId === sandbox.id && !isChanged(container, instance);
  const next = isUsable
    ? { attempt: instance.attempt, createdId: instance.id }
    : { attempt: instance.attempt + 1, createdId: undefined };
  return startUnlessFailing(input, container.name, next);
}

function decideExited(
  input: PlanInput,
  pod: Pod,
  container: Container,
  instance: ObservedContainer,
): ContainerDecision {
  const isWanted =
    isChanged(container, instance) || shouldRestart(restartPolicyOf(pod.spec, container), instance.exitCode);
  if (!isWanted) return { kind: 'done' };
  const finishedAtMs = instance.finishedAtMs ?? input.nowMs;
  const backoff = input.memory.crashBackoffs.get(container.name);
  const remainingMs = remainingBackoffMs(backoff, finishedAtMs, input.nowMs);
  if (remainingMs > 0) {
    return {
      kind: 'backoff',
      untilMs: input.nowMs + remainingMs,
      waiting: {
        reason: 'CrashLoopBackOff',
        message: `back-off ${formatDuration(backoff?.delayMs ?? 0)} restarting failed container=${container.name} pod=${formatPod(pod)}`,
      },
    };
  }
  return startUnlessFailing(input, container.name, {
    attempt: Math.max(instance.attempt, instance.restartCount) + 1,
    createdId: undefined,
  });
}

function startUnlessFailing(
  { memory, nowMs }: PlanInput,
  name: string,
  start: { readonly attempt: number; readonly createdId: string | undefined },
): ContainerDecision {
  const failure = memory.startFailures.get(name);
  if (failure && failure.retryAtMs > nowMs) return { kind: 'retryLater', untilMs: failure.retryAtMs };
  return { kind: 'start', ...start };
}

function isChanged(container: Container, instance: ObservedContainer): boolean {
  return instance.hash !== '' && instance.hash !== buildContainerHash(container);
}

function planRemovals(input: PlanInput, sandbox: ObservedSandbox, waits: number[]): PodAction[] {
  const retryAtMs = input.memory.stepFailures.get('remove')?.retryAtMs ?? 0;
  const removals = removableRecords(input.observed, sandbox);
  if (retryAtMs <= input.nowMs) return removals;
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
