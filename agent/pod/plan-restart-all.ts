// A container has ended by a rule that makes the whole pod start over in its sandbox (KEP-5532): everything is stopped at
// once and removed, those that asked for it last. Then the pod has no containers and begins with its first init container.
//
//   a source exits --> others stopped --> others removed --> back-off over --> sources removed --> as a new pod

import type { Pod } from '../api/objects.ts';
import type { ObservedContainer } from '../runtime/observed-pod.ts';
import { restartSources } from '../status/restart-sources.ts';
import { findCrashBackoff } from './decide-container.ts';
import type { WaitingReason } from './memory.ts';
import { addStep, earliest, NOTHING, type PlanInput, type PodAction, type PodPlan } from './pod-plan.ts';

/** Undefined when no container asks for it. Ephemeral containers stay as they are. */
export function planRestartAll(input: PlanInput, pod: Pod): PodPlan | undefined {
  const sources = restartSources(pod.spec, input.observed);
  if (sources.length === 0) return undefined;
  const names = new Set([...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(({ name }) => name));
  const others = input.observed.containers.filter(
    container => names.has(container.name) && !sources.includes(container),
  );
  const running = others.filter(({ state }) => state === 'running' || state === 'unknown');
  const waits: number[] = [];
  const actions: PodAction[] = [];
  if (running.length > 0) {
    for (const instance of running) addStep(input, 'stop', stop(instance), actions, waits);
    return { ...NOTHING, actions, recheckAtMs: earliest(waits) };
  }
  if (others.length > 0) {
    for (const instance of others) addStep(input, 'remove', remove(instance, 'other'), actions, waits);
    return { ...NOTHING, actions, recheckAtMs: earliest(waits) };
  }
  return planSources(input, pod, sources);
}

// The kubelet knows no pause here; without one, a pod that asks for this at each start would do nothing else.
function planSources(input: PlanInput, pod: Pod, sources: readonly ObservedContainer[]): PodPlan {
  const waits: number[] = [];
  const actions: PodAction[] = [];
  const waiting = new Map<string, WaitingReason>();
  for (const source of sources) {
    const backoff = findCrashBackoff(input, pod, source);
    if (!backoff) continue;
    waits.push(backoff.untilMs);
    waiting.set(source.name, backoff.waiting);
  }
  if (waits.length > 0) return { ...NOTHING, recheckAtMs: Math.max(...waits), waiting };
  for (const source of sources) addStep(input, 'remove', remove(source, 'source'), actions, waits);
  return { ...NOTHING, actions, recheckAtMs: earliest(waits) };
}

function stop({ name, id }: ObservedContainer): PodAction {
  return {
    kind: 'stopContainer',
    containerName: name,
    containerId: id,
    gracePeriodSeconds: 0,
    message: 'killing', // the kubelet's text
    order: 0,
    isForRestart: true,
  };
}

function remove({ name, id }: ObservedContainer, restartAll: 'source' | 'other'): PodAction {
  return { kind: 'removeContainer', containerName: name, containerId: id, restartAll };
}
