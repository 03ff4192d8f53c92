// Image, configuration, create, start: the sequence of one container, and the waiting reason of each step's failure.

import { mkdir, symlink } from 'node:fs/promises';
import type { Container, Pod } from '../api/objects.ts';
import type { ImageOutcome } from '../image/image-outcome.ts';
import { ConflictError, errorMessage } from '../lib/errors.ts';
import { readySandbox } from '../runtime/observed-pod.ts';
import type { RuntimeSubject } from '../runtime/snapshots.ts';
import type { PreparedVolume } from '../volume/prepared-volume.ts';
import { configureContainer } from './configure-container.ts';
import type { ActionSignals, ActionTarget, PodEffects } from './effects.ts';
import { runHook } from './hooks.ts';
import { containerLogLink, LOG_LINK_DIRECTORY, podLogDirectory, podNamespace, podUID } from './naming.ts';
import { nextAttempt } from './next-attempt.ts';
import type { ActionOutcome } from './outcome.ts';
import { findContainer } from './pod-containers.ts';
import type { PodAction } from './pod-plan.ts';
import { pullVolumeImages } from './pull-volume-images.ts';
import { buildSandboxConfig } from './sandbox-config.ts';

type StartAction = PodAction & { kind: 'startContainer' };
type PodTarget = ActionTarget & { readonly pod: Pod };

interface Failure {
  readonly reason: string;
  readonly message: string;
  readonly retryAtMs?: number;
}

export async function startContainer(
  asked: StartAction,
  target: PodTarget,
  effects: PodEffects,
  signals: ActionSignals,
): Promise<ActionOutcome> {
  const { containerName } = asked;
  const isFirst = asked.attempt === 0 && asked.createdId === undefined;
  const directory = logDirectory(target.pod, containerName, effects);
  const action = isFirst ? { ...asked, attempt: await nextAttempt(directory) } : asked;
  const created = action.createdId ?? (await createContainer(action, target, effects, signals));
  if (typeof created !== 'string') return notStarted(action, target.pod, created, effects, signals);

  const emit = effects.events.container(target.pod, containerName);
  const startedAtMs = effects.clock.nowMs();
  try {
    const options = { signal: signals.shutdown, podUID: podUID(target.pod) };
    await Promise.all([
      effects.runtime.startContainer(created, options),
      linkLog(target.pod, containerName, created, action.attempt, effects),
    ]);
  } catch (error) {
    // What stood here a moment ago does no longer: nothing failed, the next look shows what to do.
    if (error instanceof ConflictError) return { kind: 'done' };
    const failure = { reason: 'RunContainerError', message: errorMessage(error), retryAtMs: startedAtMs };
    return notStarted(action, target.pod, failure, effects, signals, created);
  }
  emit('Normal', 'Started', 'Container started');
  const { attempt } = action;
  effects.logger.info({ container: containerName, containerId: created, attempt }, 'container started');
  const outcome = await runPostStart(action, created, target, effects, signals);
  return outcome.kind === 'done' ? { ...outcome, touched: touchedBy(created, target) } : outcome;
}

function touchedBy(id: string, { observed }: PodTarget): readonly RuntimeSubject[] {
  const known = observed.containers.find(container => container.id === id);
  const sandboxId = known?.sandboxId ?? readySandbox(observed)?.id ?? '';
  return [{ kind: 'container', id, sandboxId }];
}

// The container counts as started only after its hook; one whose hook fails is stopped again.
async function runPostStart(
  action: StartAction,
  containerId: string,
  { pod, observed }: PodTarget,
  effects: PodEffects,
  { interrupt, shutdown }: ActionSignals,
): Promise<ActionOutcome> {
  const { containerName } = action;
  const container = findContainer(pod.spec, containerName);
  const handler = container?.lifecycle?.postStart;
  if (!container || !handler) return { kind: 'done' };
  const { runtime, events, logger } = effects;
  const podIP = readySandbox(observed)?.podIPs[0] ?? effects.contexts.nodeIPs()[0] ?? '';
  const context = { pod, container, containerId, podIP, runtime };
  const outcome = await runHook(handler, context, { signal: interrupt });
  if (outcome.kind === 'ok') {
    if (outcome.httpFallback) events.pod(pod, 'Warning', 'LifecycleHTTPFallback', outcome.httpFallback);
    return { kind: 'done' };
  }
  interrupt.throwIfAborted();
  const emit = events.container(pod, containerName);
  emit('Warning', 'FailedPostStartHook', 'PostStartHook failed');
  emit('Normal', 'Killing', 'FailedPostStartHook');
  logger.warn({ container: containerName, reason: outcome.message }, 'postStart hook failed');
  const graceSeconds = Math.max(2, pod.spec.terminationGracePeriodSeconds ?? 30);
  await runtime.stopContainer(containerId, graceSeconds, { signal: shutdown, podUID: podUID(pod) });
  const nowMs = effects.clock.nowMs();
  return {
    kind: 'notStarted',
    containerName,
    reason: 'PostStartHookError',
    message: outcome.message,
    retryAtMs: nowMs,
  };
}

function notStarted(
  { containerName }: StartAction,
  pod: Pod,
  failure: Failure,
  { events, logger }: PodEffects,
  { interrupt }: ActionSignals,
  containerId = '',
): ActionOutcome {
  interrupt.throwIfAborted();
  const { reason } = failure;
  // The ID would make every attempt a new event; the name lets them be counted as one.
  const message =
    containerId === '' ? failure.message : failure.message.replaceAll(containerId, containerName);
  const isImage = failure.retryAtMs !== undefined && reason !== 'RunContainerError';
  const text = isImage ? `Error: ${reason}` : `Error: ${message}`;
  events.container(pod, containerName)('Warning', 'Failed', text);
  logger.warn({ container: containerName, reason, message }, 'container not started');
  return { ...failure, message, kind: 'notStarted', containerName };
}

/** Returns the new container's ID, or why there is none. */
async function createContainer(
  { containerName, attempt }: StartAction,
  target: PodTarget,
  effects: PodEffects,
  signals: ActionSignals,
): Promise<string | Failure> {
  const { pod, observed } = target;
  const container = findContainer(pod.spec, containerName);
  const sandbox = readySandbox(observed);
  if (!container || !sandbox) {
    return { reason: 'CreateContainerError', message: `no sandbox for container ${containerName}` };
  }
  const lost = attempt > 0 ? await restoreVolumes(pod, effects, signals) : undefined;
  if (lost) return lost;
  const image = await imageOf(container, target, effects, signals);
  if (image.kind === 'failed') return image;
  const emit = effects.events.container(pod, containerName);
  if (image.announcement !== undefined) emit('Normal', 'Pulled', image.announcement);
  const { volumes = new Map<string, PreparedVolume>() } = target.memory;
  const withImages = await pullVolumeImages(pod, container, volumes, effects, { signal: signals.interrupt });
  if (withImages.kind === 'failed') return withImages;
  const prepared = { ...target, memory: { ...target.memory, volumes: withImages.volumes } };
  const context = await effects.contexts.read(pod);
  const podIPs = pod.spec.hostNetwork ? context.nodeIPs : sandbox.podIPs;
  const start = { container, attempt, image, context, podIPs };
  const config = await configureContainer(start, prepared, effects, signals.interrupt);
  if (config.kind === 'refused') return { reason: 'CreateContainerConfigError', message: config.message };

  const sandboxConfig = buildSandboxConfig(pod, sandbox.attempt, context);
  if (sandboxConfig.kind === 'refused') {
    return { reason: 'CreateContainerConfigError', message: sandboxConfig.message };
  }
  const options = { signal: signals.shutdown, podUID: podUID(pod) };
  try {
    await mkdir(logDirectory(pod, containerName, effects), { recursive: true, mode: 0o755 });
    const { runtime } = effects;
    const id = await runtime.createContainer(sandbox.id, config.config, sandboxConfig.config, options);
    emit('Normal', 'Created', 'Container created');
    return id;
  } catch (error) {
    return { reason: 'CreateContainerError', message: errorMessage(error) };
  }
}

// They were set up with the pod, which may be long ago: what was unmounted or removed by hand is made again.
async function restoreVolumes(
  pod: Pod,
  { volumes, events }: PodEffects,
  { interrupt }: ActionSignals,
): Promise<Failure | undefined> {
  const outcome = await volumes.ensureVolumes(pod, { signal: interrupt });
  if (outcome.kind === 'ready') return undefined;
  for (const { event } of outcome.failures) events.pod(pod, 'Warning', event.reason, event.message);
  const message = outcome.failures.map(({ event }) => event.message).join('; ');
  return { reason: 'CreateContainerConfigError', message };
}

async function imageOf(
  container: Container,
  { pod, memory }: PodTarget,
  { images, events }: PodEffects,
  { interrupt }: ActionSignals,
): Promise<ImageOutcome> {
  const prepared = memory.images.get(container.name);
  if (prepared) return prepared;
  const emit = events.container(pod, container.name);
  return await images.ensureImage(pod, container, emit, { signal: interrupt });
}

async function linkLog(
  pod: Pod,
  containerName: string,
  containerId: string,
  attempt: number,
  effects: PodEffects,
): Promise<void> {
  const target = `${logDirectory(pod, containerName, effects)}/${attempt}.log`;
  const link = containerLogLink(LOG_LINK_DIRECTORY, podNames(pod), containerName, containerId);
  try {
    await mkdir(LOG_LINK_DIRECTORY, { recursive: true, mode: 0o755 });
    await symlink(target, link);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    const fields = { container: containerName, err: error };
    effects.logger.warn(fields, 'no link to the container log for log shippers');
  }
}

function logDirectory(pod: Pod, containerName: string, { contexts }: PodEffects): string {
  return `${podLogDirectory(contexts.podLogsDir, podNames(pod))}/${containerName}`;
}

function podNames(pod: Pod): { readonly namespace: string; readonly name: string; readonly uid: string } {
  return { namespace: podNamespace(pod), name: pod.metadata.name, uid: podUID(pod) };
}
