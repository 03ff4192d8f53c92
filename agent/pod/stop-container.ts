// preStop hook, turn, stop: one container's end, all of it within its grace (kuberuntime_container.go killContainer).

import { sleep } from '../lib/sleep.ts';
import type { ActionSignals, ActionTarget, PodEffects } from './effects.ts';
import { runHook } from './hooks.ts';
import type { ActionOutcome } from './outcome.ts';
import { findContainer } from './pod-containers.ts';
import type { PodAction } from './pod-plan.ts';

// Below this the runtime would not give a process any chance (the kubelet's floor).
const MIN_STOP_GRACE_SECONDS = 2;

export async function stopContainer(
  action: PodAction & { kind: 'stopContainer' },
  target: ActionTarget,
  effects: PodEffects,
  { interrupt }: ActionSignals,
): Promise<ActionOutcome> {
  const { containerName, containerId, gracePeriodSeconds } = action;
  const startedAtMs = effects.clock.nowMs();
  const remainingSeconds = (): number =>
    gracePeriodSeconds - Math.floor((effects.clock.nowMs() - startedAtMs) / 1000);

  if (target.pod) effects.events.container(target.pod, containerName)('Normal', 'Killing', action.message);
  if (gracePeriodSeconds > 0) await runPreStop(action, target, effects, interrupt);
  // The others' time counts too: who waits longer than the grace is stopped all the same.
  await Promise.race([target.turn, sleep(Math.max(0, remainingSeconds()) * 1000, { signal: interrupt })]);
  interrupt.throwIfAborted();
  const graceSeconds = Math.max(MIN_STOP_GRACE_SECONDS, remainingSeconds());
  const options = { signal: interrupt, podUID: target.observed.podUID };
  await effects.runtime.stopContainer(containerId, graceSeconds, options);
  const stopped = target.observed.containers.find(({ id }) => id === containerId);
  const touched = stopped && [{ kind: 'container', id: containerId, sandboxId: stopped.sandboxId } as const];
  return { kind: 'done', ...(touched ? { touched } : {}) };
}

async function runPreStop(
  { containerName, containerId, gracePeriodSeconds }: PodAction & { kind: 'stopContainer' },
  { pod, observed }: ActionTarget,
  { runtime, events, logger }: PodEffects,
  interrupt: AbortSignal,
): Promise<void> {
  const container = pod && findContainer(pod.spec, containerName);
  const handler = container?.lifecycle?.preStop;
  if (!pod || !container || !handler) return;
  const podIP = observed.sandboxes[0]?.podIPs[0] ?? pod.status?.podIP ?? '';
  const signal = AbortSignal.any([interrupt, AbortSignal.timeout(gracePeriodSeconds * 1000)]);
  const outcome = await runHook(handler, { pod, container, containerId, podIP, runtime }, { signal });
  if (outcome.kind === 'ok') {
    if (outcome.httpFallback) events.pod(pod, 'Warning', 'LifecycleHTTPFallback', outcome.httpFallback);
    return;
  }
  // A hook that outlasts the grace is no failure of its own: it had all the time there was.
  if (signal.aborted) return;
  events.container(pod, containerName)('Warning', 'FailedPreStopHook', 'PreStopHook failed');
  logger.warn({ container: containerName, reason: outcome.message }, 'preStop hook failed');
}
