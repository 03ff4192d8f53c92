// The walk through a pod's init containers: one after the other, each to its end; sidecars stay behind, running.
//
//   init a --exit 0--> init b --exit 0--> regular containers
//        \--fails--> again, or the pod fails (restartPolicy Never)
//   sidecar: the next one starts as soon as it has started (KEP-753), it is kept running ever after

import type { Container, Pod } from '../api/objects.ts';
import { isRestartedAfterExit } from '../resources/restart-policy.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '../runtime/observed-pod.ts';
import {
  type ContainerDecision,
  type Deciding,
  decideByInstance,
  decideRestart,
  isStoppedForRestart,
  newestOf,
  nextInstance,
  startUnlessFailing,
} from './decide-container.ts';
import { isSidecar } from './pod-containers.ts';
import type { PlanInput } from './pod-plan.ts';

export interface DecidedContainer {
  readonly container: Container;
  readonly decision: ContainerDecision;
}

export interface InitPlan {
  readonly decisions: readonly DecidedContainer[];
  /** Regular containers may start. */
  readonly isInitialized: boolean;
}

export function planInit(input: PlanInput, pod: Pod, sandbox: ObservedSandbox): InitPlan {
  const hasBeenInitialized = wasInitialized(pod, input.observed, sandbox);
  const decisions: DecidedContainer[] = [];
  let isBlocked = false;
  for (const container of pod.spec.initContainers ?? []) {
    const deciding = { input, pod, sandbox, container };
    if (!isSidecar(container)) {
      if (hasBeenInitialized || isBlocked) continue;
      const decision = decideInit(deciding);
      decisions.push({ container, decision });
      isBlocked = decision.kind !== 'done';
      continue;
    }
    // A sidecar that runs already is cared for wherever the walk stands; a new one waits for its turn.
    const hasRun = newestOf(input.observed, container.name)?.sandboxId === sandbox.id;
    if (isBlocked && !hasRun) continue;
    const decision = decideSidecar(deciding);
    decisions.push({ container, decision });
    if (!hasBeenInitialized && !isStarted(input, container)) isBlocked = true;
  }
  return { decisions, isInitialized: hasBeenInitialized || !isBlocked };
}

// A regular container in this sandbox proves that the walk was finished once; it is not walked again.
function wasInitialized(pod: Pod, observed: ObservedPod, sandbox: ObservedSandbox): boolean {
  return pod.spec.containers.some(({ name }) =>
    observed.containers.some(instance => instance.name === name && instance.sandboxId === sandbox.id),
  );
}

function decideInit(deciding: Deciding): ContainerDecision {
  const { input, pod, sandbox, container } = deciding;
  return decideByInstance(deciding, instance => {
    // A new sandbox starts from the first init container again, whatever the old one had done.
    if (instance.sandboxId !== sandbox.id) {
      return startUnlessFailing(input, deciding.container.name, nextInstance(instance));
    }
    if (hasSucceeded(instance)) return { kind: 'done' };
    const exitCode = instance.exitCode || 1;
    const isWanted =
      isStoppedForRestart(input, instance) || isRestartedAfterExit(pod.spec, container, exitCode);
    return isWanted ? decideRestart(deciding, instance) : { kind: 'failed' };
  });
}

/** Killed for memory counts as failed even where the exit code is 0. */
export function hasSucceeded(instance: ObservedContainer): boolean {
  return instance.state === 'exited' && instance.exitCode === 0 && instance.reason !== 'OOMKilled';
}

function decideSidecar(deciding: Deciding): ContainerDecision {
  return decideByInstance(deciding, instance => decideRestart(deciding, instance));
}

function isStarted(input: PlanInput, container: Container): boolean {
  const instance = newestOf(input.observed, container.name);
  if (instance?.state !== 'running') return false;
  return !container.startupProbe || input.verdicts.get(instance.id)?.startup === 'success';
}
