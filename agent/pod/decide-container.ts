// What to do about one container, from its newest instance. The role-specific parts are in plan-init.ts and
// plan-containers.ts; here is what all roles share.

import type { Container, Pod } from '../api/objects.ts';
import { isDue } from '../lib/due.ts';
import { formatDuration } from '../lib/duration.ts';
import { isRestartedAfterStop } from '../resources/restart-policy.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '../runtime/observed-pod.ts';
import { remainingBackoffMs } from './crash-backoff.ts';
import type { WaitingReason } from './memory.ts';
import { buildContainerHash, formatPod } from './naming.ts';
import { isRestartedForResize } from './plan-resize.ts';
import type { PlanInput } from './pod-plan.ts';

export type ContainerDecision =
  | { readonly kind: 'keep' }
  | { readonly kind: 'done' }
  /** An init container that failed for good: the pod cannot start any more. */
  | { readonly kind: 'failed' }
  | { readonly kind: 'start'; readonly attempt: number; readonly createdId: string | undefined }
  | {
      readonly kind: 'stop';
      readonly containerId: string;
      readonly message: string;
      readonly gracePeriodSeconds: number;
      /** False when its policy leaves it stopped. */
      readonly isForRestart: boolean;
    }
  /** Its name is needed for the instance that takes its place. */
  | { readonly kind: 'remove'; readonly containerId: string }
  | { readonly kind: 'backoff'; readonly untilMs: number; readonly waiting: WaitingReason }
  /** An earlier start failed; its reason stays in the status until the next try. */
  | { readonly kind: 'retryLater'; readonly untilMs: number };

export interface Deciding {
  readonly input: PlanInput;
  readonly pod: Pod;
  readonly sandbox: ObservedSandbox;
  readonly container: Container;
}

/** The container's decision; `onExit` tells what an end means for its role. */
export function decideByInstance(
  deciding: Deciding,
  onExit: (instance: ObservedContainer) => ContainerDecision,
): ContainerDecision {
  const { input, container, pod } = deciding;
  const instance = newestOf(input.observed, container.name);
  if (!instance) return startUnlessFailing(input, container.name, { attempt: 0, createdId: undefined });
  switch (instance.state) {
    case 'running':
      return decideRunning(deciding, instance);
    case 'created':
      return decideCreated(deciding, instance);
    case 'startAborted':
      // A start of our own that failed like this is a failure: removing and repeating it at once would be a storm.
      if (input.memory.startFailures.has(container.name)) return onExit(instance);
      return { kind: 'remove', containerId: instance.id };
    case 'unknown':
      return stopDecision(pod, instance, 'Container is in "unknown" state, try killing it before restart');
    case 'exited':
      return onExit(instance);
  }
}

export function newestOf(observed: ObservedPod, name: string): ObservedContainer | undefined {
  return observed.containers.find(container => container.name === name);
}

function decideRunning(deciding: Deciding, instance: ObservedContainer): ContainerDecision {
  const { input, pod, container } = deciding;
  const { name } = container;
  const subject = isInitContainer(pod, name) ? `Init container ${name}` : `Container ${name}`;
  if (isChanged(container, instance)) {
    const text = `${subject} definition changed`;
    return stopDecision(pod, instance, isInitContainer(pod, name) ? text : `${text}, will be restarted`);
  }
  const verdicts = input.verdicts.get(instance.id);
  for (const kind of ['startup', 'liveness'] as const) {
    if (verdicts?.[kind] !== 'failure') continue;
    const isInit = isInitContainer(pod, name);
    const isForRestart = isInit || isRestartedAfterStop(pod.spec, container);
    const suffix = isForRestart && !isInit ? ', will be restarted' : '';
    const message = `${subject} failed ${kind} probe${suffix}`;
    const probe = kind === 'startup' ? container.startupProbe : container.livenessProbe;
    const { terminationGracePeriodSeconds } = probe ?? {};
    return { ...stopDecision(pod, instance, message, terminationGracePeriodSeconds), isForRestart };
  }
  if (isRestartedForResize(container, input.memory)) {
    return stopDecision(pod, instance, `Container ${name} resize requires restart`);
  }
  return { kind: 'keep' };
}

function isInitContainer(pod: Pod, name: string): boolean {
  return pod.spec.initContainers?.some(container => container.name === name) ?? false;
}

function stopDecision(
  pod: Pod,
  instance: ObservedContainer,
  message: string,
  graceSeconds?: number,
): ContainerDecision & { kind: 'stop' } {
  const gracePeriodSeconds = graceSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  return { kind: 'stop', containerId: instance.id, message, gracePeriodSeconds, isForRestart: true };
}

// Created but not started: the agent died between the two calls. The instance is good as long as its sandbox is.
function decideCreated(
  { input, container, sandbox }: Deciding,
  instance: ObservedContainer,
): ContainerDecision {
  const isUsable = instance.sandboxId === sandbox.id && !isChanged(container, instance);
  const next = isUsable
    ? { attempt: instance.attempt, createdId: instance.id }
    : { attempt: instance.attempt + 1, createdId: undefined };
  return startUnlessFailing(input, container.name, next);
}

/** The next instance of a container that has ended, when its back-off allows. */
export function decideRestart(
  { input, pod, container }: Deciding,
  instance: ObservedContainer,
): ContainerDecision {
  const backoff = findCrashBackoff(input, pod, instance);
  return backoff ?? startUnlessFailing(input, container.name, nextInstance(instance));
}

/** Undefined when a container that has ended may start again now. */
export function findCrashBackoff(
  input: PlanInput,
  pod: Pod,
  { name, finishedAtMs = input.nowMs }: ObservedContainer,
): (ContainerDecision & { kind: 'backoff' }) | undefined {
  const backoff = input.memory.crashBackoffs.get(name);
  const remainingMs = remainingBackoffMs(backoff, finishedAtMs, input.nowMs);
  if (remainingMs <= 0) return undefined;
  const delay = formatDuration(backoff?.delayMs ?? 0);
  const message = `back-off ${delay} restarting failed container=${name} pod=${formatPod(pod)}`;
  return {
    kind: 'backoff',
    untilMs: input.nowMs + remainingMs,
    waiting: { reason: 'CrashLoopBackOff', message },
  };
}

export function nextInstance(instance: ObservedContainer): {
  readonly attempt: number;
  readonly createdId: undefined;
} {
  return { attempt: Math.max(instance.attempt, instance.restartCount) + 1, createdId: undefined };
}

export function startUnlessFailing(
  { memory, nowMs }: PlanInput,
  name: string,
  start: { readonly attempt: number; readonly createdId: string | undefined },
): ContainerDecision {
  const failure = memory.startFailures.get(name);
  if (failure && !isDue(failure.retryAtMs, nowMs)) return { kind: 'retryLater', untilMs: failure.retryAtMs };
  return { kind: 'start', ...start };
}

/** True when the instance was stopped by us to run again: its exit code then means nothing. */
export function isStoppedForRestart(input: PlanInput, instance: ObservedContainer): boolean {
  return input.memory.stoppedForRestart.has(instance.id);
}

export function isChanged(container: Container, instance: ObservedContainer): boolean {
  return instance.hash !== '' && instance.hash !== buildContainerHash(container);
}
