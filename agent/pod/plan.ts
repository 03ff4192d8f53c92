// The decision of a pod worker: what to do next, given what is asked and what the runtime shows. Pure; the worker
// runs the actions of one plan together, looks again and plans again, until a plan is empty.

import type { Container, Pod } from '../api/objects.ts';
import { isDue } from '../lib/due.ts';
import { isFullyStopped } from '../runtime/observed-pod.ts';
import type { PodStep } from './memory.ts';
import { planContainers } from './plan-containers.ts';
import { planSandbox } from './plan-sandbox.ts';
import {
  addStep,
  earliest,
  NOTHING,
  type PlanInput,
  type PodAction,
  type PodPlan,
  stopReadySandboxes,
  stopRunningContainers,
} from './pod-plan.ts';

export function planPod(input: PlanInput): PodPlan {
  switch (input.lifecycle) {
    case 'syncing':
      return planSyncing(input);
    case 'terminating':
      return planTerminating(input);
    case 'terminated':
      return planTerminated(input);
  }
}

function planSyncing(input: PlanInput): PodPlan {
  if (!input.desired) return NOTHING;
  const sandbox = planSandbox(input.desired.pod, input.observed);
  switch (sandbox.kind) {
    case 'complete':
      return { ...NOTHING, isComplete: true };
    case 'clear':
      return unlessFailing(input, 'stop', sandbox.actions);
    case 'create':
      return planNewSandbox(input, sandbox.action);
    case 'keep':
      return planContainers(input, input.desired.pod, sandbox.sandbox);
  }
}

function planNewSandbox(input: PlanInput, create: PodAction): PodPlan {
  const actions: PodAction[] = [];
  const waits: number[] = [];
  addStep(input, 'sandbox', create, actions, waits);
  if (input.memory.volumes === undefined)
    addStep(input, 'volumes', { kind: 'prepareVolumes' }, actions, waits);
  for (const { name } of firstContainers(input.desired?.pod)) {
    const isKnown = input.memory.images.has(name) || input.memory.startFailures.has(name);
    if (!isKnown) actions.push({ kind: 'prepareImage', containerName: name });
  }
  return { ...NOTHING, actions, recheckAtMs: earliest(waits) };
}

// What starts first once the sandbox is there; later images wait until it is clear that they are needed.
function firstContainers(pod: Pod | undefined): readonly Container[] {
  const [firstInit] = pod?.spec.initContainers ?? [];
  return firstInit ? [firstInit] : (pod?.spec.containers ?? []);
}

function planTerminating(input: PlanInput): PodPlan {
  const { observed, memory, desired } = input;
  const gracePeriodSeconds = memory.termination?.gracePeriodSeconds ?? 1;
  const stops = stopRunningContainers(desired?.pod.spec, observed, () => gracePeriodSeconds);
  if (stops.length > 0) return unlessFailing(input, 'stop', stops);
  // The network goes only after the last container: a process that shuts down may still want to talk.
  const plan = unlessFailing(input, 'stop', stopReadySandboxes(observed));
  if (memory.areVolumesGone) return plan;
  const actions = [...plan.actions];
  const waits = plan.recheckAtMs === undefined ? [] : [plan.recheckAtMs];
  addStep(input, 'tearDown', { kind: 'removeVolumes' }, actions, waits);
  return { ...plan, actions, recheckAtMs: earliest(waits) };
}

function planTerminated(input: PlanInput): PodPlan {
  const { memory, observed, desired } = input;
  const actions: PodAction[] = [];
  const waits: number[] = [];
  if (!isFullyStopped(observed)) return planTerminating(input);
  if (!memory.isTornDown) addStep(input, 'tearDown', { kind: 'tearDown' }, actions, waits);
  // Containers and logs of a finished pod stay readable until its object is gone.
  else if (!desired && !memory.isRemoved) addStep(input, 'remove', { kind: 'removePod' }, actions, waits);
  return { ...NOTHING, actions, recheckAtMs: earliest(waits) };
}

// A step that failed a moment ago waits for its time instead of being hammered.
function unlessFailing(input: PlanInput, step: PodStep, actions: readonly PodAction[]): PodPlan {
  const retryAtMs = input.memory.stepFailures.get(step)?.retryAtMs ?? 0;
  if (!isDue(retryAtMs, input.nowMs)) return { ...NOTHING, recheckAtMs: retryAtMs };
  return { ...NOTHING, actions };
}
