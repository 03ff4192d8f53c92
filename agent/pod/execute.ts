// Performs one action. Every branch is idempotent, so that an agent killed half-way is repaired by the next plan.

import type { Pod } from '../api/objects.ts';
import { errorMessage } from '../lib/errors.ts';
import { createSandbox } from './create-sandbox.ts';
import type { ActionSignals, ActionTarget, PodEffects } from './effects.ts';
import { type ActionOutcome, stepOf } from './outcome.ts';
import { findContainer } from './pod-containers.ts';
import type { PodAction } from './pod-plan.ts';
import { removeContainerRecord, removePodRecords } from './remove-records.ts';
import { resizePod } from './resize-pod.ts';
import { startContainer } from './start-container.ts';
import { stopContainer } from './stop-container.ts';
import { tearDownPod } from './tear-down-pod.ts';

const DONE: ActionOutcome = { kind: 'done' };

/** Never throws except by the shutdown signal: a failure is an outcome. */
export async function execute(
  action: PodAction,
  target: ActionTarget,
  effects: PodEffects,
  signals: ActionSignals,
): Promise<ActionOutcome> {
  try {
    return await perform(action, target, effects, signals);
  } catch (error) {
    signals.shutdown.throwIfAborted();
    if (signals.interrupt.aborted && isInterruptible(action)) return { kind: 'interrupted' };
    return { kind: 'failed', step: stepOf(action) ?? 'sandbox', message: errorMessage(error) };
  }
}

// What waits can be broken off; what takes away or makes cannot, and a failure of it stays a failure.
function isInterruptible({ kind }: PodAction): boolean {
  return (
    kind === 'prepareVolumes' ||
    kind === 'prepareImage' ||
    kind === 'createSandbox' ||
    kind === 'startContainer' ||
    kind === 'stopContainer'
  );
}

async function perform(
  action: PodAction,
  target: ActionTarget,
  effects: PodEffects,
  signals: ActionSignals,
): Promise<ActionOutcome> {
  const { observed } = target;
  const options = { signal: signals.shutdown, podUID: observed.podUID };
  switch (action.kind) {
    case 'prepareVolumes':
      return await prepareVolumes(requirePod(target), effects, signals);
    case 'prepareImage':
      return await prepareImage(action.containerName, requirePod(target), effects, signals);
    case 'createSandbox':
      return await createSandbox(action, requirePod(target), effects, signals);
    case 'resizePod':
      return await resizePod({ ...target, pod: requirePod(target) }, effects, signals);
    case 'startContainer':
      return await startContainer(action, { ...target, pod: requirePod(target) }, effects, signals);
    case 'stopContainer':
      return await stopContainer(action, target, effects, signals);
    case 'stopSandbox':
      await effects.runtime.stopPodSandbox(action.sandboxId, options);
      return { kind: 'done', touched: [{ kind: 'sandbox', id: action.sandboxId }] };
    case 'removeContainer':
      await removeContainerRecord(action, target, effects, signals);
      return DONE;
    case 'removeSandbox':
      await effects.runtime.removePodSandbox(action.sandboxId, options);
      return DONE;
    case 'removeVolumes':
      await effects.volumes.teardownVolumes(observed.podUID, {
        signal: signals.shutdown,
        isOrphan: target.pod === undefined,
      });
      return { kind: 'done', touched: [] };
    case 'tearDown':
      await tearDownPod(target, effects, signals);
      return { kind: 'done', touched: [] };
    case 'removePod':
      await removePodRecords(target, effects, signals);
      return DONE;
  }
}

// Only pods that are asked for get anything made; a plan without a pod has no such action.
function requirePod({ pod, observed }: ActionTarget): Pod {
  if (!pod) throw new Error(`pod ${observed.podUID} is not asked for, nothing can be made for it`);
  return pod;
}

async function prepareVolumes(
  pod: Pod,
  { volumes, events }: PodEffects,
  { interrupt }: ActionSignals,
): Promise<ActionOutcome> {
  const outcome = await volumes.ensureVolumes(pod, { signal: interrupt });
  if (outcome.kind === 'ready') {
    for (const { reason, message } of outcome.warnings) events.pod(pod, 'Warning', reason, message);
    return { kind: 'volumesReady', volumes: outcome.volumes };
  }
  const texts = outcome.failures.map(({ event }) => event);
  for (const { reason, message } of texts) events.pod(pod, 'Warning', reason, message);
  const message = texts.map(text => text.message).join('; ');
  return { kind: 'failed', step: 'volumes', message, isTold: true };
}

async function prepareImage(
  containerName: string,
  pod: Pod,
  { images, events }: PodEffects,
  { interrupt }: ActionSignals,
): Promise<ActionOutcome> {
  const container = findContainer(pod.spec, containerName);
  if (!container) return DONE;
  const emit = events.container(pod, containerName);
  const image = await images.ensureImage(pod, container, emit, { signal: interrupt });
  return { kind: 'imageKnown', containerName, image };
}
