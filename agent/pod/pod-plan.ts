// The vocabulary of the pod planners: actions, plans and what a decision is made from.

import type { PodSpec } from '../api/objects.ts';
import { isDue } from '../lib/due.ts';
import type { ContainerVerdicts } from '../probe/container-probes.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import type { DesiredPod } from './desired-pod.ts';
import type { PodLifecycle } from './lifecycle.ts';
import type { PodMemory, PodStep, WaitingReason } from './memory.ts';
import { isSidecar } from './pod-containers.ts';

export type PodAction =
  | { readonly kind: 'prepareVolumes' }
  | { readonly kind: 'prepareImage'; readonly containerName: string }
  | { readonly kind: 'resizePod' }
  | { readonly kind: 'createSandbox'; readonly attempt: number; readonly replaces: string | undefined }
  | {
      readonly kind: 'startContainer';
      readonly containerName: string;
      readonly attempt: number;
      readonly createdId: string | undefined;
    }
  | {
      readonly kind: 'stopContainer';
      readonly containerName: string;
      readonly containerId: string;
      readonly gracePeriodSeconds: number;
      readonly message: string;
      /** Among the stops of one plan, those with a lower number are over first: sidecars after everybody else, in reverse. */
      readonly order: number;
      /** The container is to run again, whatever its exit code will be. */
      readonly isForRestart: boolean;
    }
  | {
      readonly kind: 'removeContainer';
      readonly containerName: string;
      readonly containerId: string;
      /** All of the pod's containers start over: logs stay, and the source's crash back-off counts it. */
      readonly restartAll?: 'source' | 'other';
    }
  | { readonly kind: 'stopSandbox'; readonly sandboxId: string }
  | { readonly kind: 'removeSandbox'; readonly sandboxId: string }
  /** Beside the sandbox's stop: no container holds them any more. */
  | { readonly kind: 'removeVolumes' }
  | { readonly kind: 'tearDown' }
  | { readonly kind: 'removePod' };

export interface PodPlan {
  readonly actions: readonly PodAction[];
  /** When to plan again even if nothing wakes the worker; undefined means not before a change. */
  readonly recheckAtMs: number | undefined;
  /** Containers held back by the crash back-off, by name. */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  /** Nothing is left to run: the pod is to be terminated with the exit codes it has. */
  readonly isComplete: boolean;
}

export interface PlanInput {
  readonly lifecycle: PodLifecycle;
  readonly desired: DesiredPod | undefined;
  readonly observed: ObservedPod;
  readonly memory: PodMemory;
  /** What the probes say, by container ID. */
  readonly verdicts: ReadonlyMap<string, ContainerVerdicts>;
  readonly nowMs: number;
}

export const NOTHING: PodPlan = {
  actions: [],
  recheckAtMs: undefined,
  waiting: new Map(),
  isComplete: false,
};

/** Adds a pod-wide step unless its last failure asks for patience. */
export function addStep(
  { memory, nowMs }: Pick<PlanInput, 'memory' | 'nowMs'>,
  step: PodStep,
  action: PodAction,
  actions: PodAction[],
  waits: number[],
): void {
  const retryAtMs = memory.stepFailures.get(step)?.retryAtMs ?? 0;
  if (isDue(retryAtMs, nowMs)) actions.push(action);
  else waits.push(retryAtMs);
}

export function earliest(timesMs: readonly number[]): number | undefined {
  return timesMs.length > 0 ? Math.min(...timesMs) : undefined;
}

/** Stops for everything that runs, sidecars last and in reverse (KEP-753). */
export function stopRunningContainers(
  spec: PodSpec | undefined,
  observed: ObservedPod,
  graceSeconds: (containerGraceSeconds: number | undefined) => number,
): PodAction[] {
  const sidecars = (spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  return observed.containers
    .filter(({ state }) => state === 'running' || state === 'unknown')
    .map(({ name, id, terminationGracePeriodSeconds }) => ({
      kind: 'stopContainer',
      containerName: name,
      containerId: id,
      gracePeriodSeconds: graceSeconds(terminationGracePeriodSeconds),
      message: `Stopping container ${name}`,
      order: sidecars.includes(name) ? sidecars.length - sidecars.indexOf(name) : 0,
      isForRestart: false,
    }));
}

export function stopReadySandboxes(observed: ObservedPod): PodAction[] {
  return observed.sandboxes
    .filter(sandbox => sandbox.isReady)
    .map(({ id }) => ({ kind: 'stopSandbox', sandboxId: id }));
}
