// The steps of a pod's containers: image, start, probes, crashes.
import type { RecentWarning } from '../pod/recent-warnings.ts';
import type { ObservedContainer } from '../runtime/observed-pod.ts';
import { blocked, done, type ExplainInput, type JudgedStep, waiting } from './judged-step.ts';

type Container = ExplainInput['pod']['spec']['containers'][number];
type ContainerStatus = NonNullable<NonNullable<ExplainInput['pod']['status']>['containerStatuses']>[number];

export function explainContainers(input: ExplainInput): readonly JudgedStep[] {
  const { initContainers = [], containers } = input.pod.spec;
  return [
    ...initContainers.map(container => explainContainer(input, container, 'init container')),
    ...containers.map(container => explainContainer(input, container, 'container')),
  ];
}

type Kind = 'init container' | 'container';

function explainContainer(input: ExplainInput, container: Container, kind: Kind): JudgedStep {
  const step = `${kind} ${container.name}`;
  const newest = input.observed?.containers.find(({ name }) => name === container.name);
  if (newest?.state === 'running') return explainRunning(input, container, kind, newest);
  const failure = input.memory.startFailures.get(container.name);
  if (failure) {
    const { reason, message, failures, retryAtMs } = failure;
    const root = rootError(input, container.name, reason, message);
    return blocked(step, 'cannot be started', {
      reason,
      message: root,
      attempts: failures,
      nextTryAtMs: retryAtMs,
    });
  }
  if (newest?.state === 'exited') return explainExited(input, container, kind, newest);
  const state = statusOf(input, container.name)?.state;
  if (state?.terminated?.exitCode === 0) return done(step, 'has done its work');
  return waiting(step, waitingFor(input, container, kind));
}

function explainRunning(
  input: ExplainInput,
  container: Container,
  kind: Kind,
  instance: ObservedContainer,
): JudgedStep {
  const step = `${kind} ${container.name}`;
  const status = statusOf(input, container.name);
  const startedAtMs = instance.startedAtMs ?? instance.createdAtMs;
  const restarts = instance.restartCount > 0 ? `, restart ${instance.restartCount}` : '';
  const isOrdinaryInit = kind === 'init container' && container.restartPolicy !== 'Always';
  if (isOrdinaryInit) {
    const message = `init container ${container.name} has been running for ${seconds(input.nowMs - startedAtMs)}; the next container starts when it has ended`;
    return blocked(step, `runs${restarts}`, { reason: 'PodInitializing', message });
  }
  const probe = status?.started === false ? 'Startup' : status?.ready === false ? 'Readiness' : undefined;
  if (probe === undefined) return done(step, `runs${restarts}`, startedAtMs);
  const isProbed = probe === 'Startup' ? container.startupProbe : container.readinessProbe;
  if (!isProbed) return waiting(step, `runs${restarts}, status not written yet`);
  const warning = warningsOf(input, container.name).find(
    one => one.message.startsWith(`${probe} probe`) && one.lastAtMs >= startedAtMs,
  );
  if (!warning) return waiting(step, `runs${restarts}, ${probe.toLowerCase()} probe has not passed yet`);
  const { reason, message, count } = warning;
  return blocked(step, `runs${restarts}, ${probe.toLowerCase()} probe fails`, {
    reason,
    message,
    attempts: count,
  });
}

function explainExited(
  input: ExplainInput,
  container: Container,
  kind: Kind,
  instance: ObservedContainer,
): JudgedStep {
  const step = `${kind} ${container.name}`;
  const { exitCode, finishedAtMs } = instance;
  if (exitCode === 0 && (kind === 'init container' || !willRestart(input, container))) {
    return done(step, 'has done its work', finishedAtMs);
  }
  const message = exitText(input, container, instance);
  if (!willRestart(input, container)) {
    return {
      step: { name: step, state: 'failed', detail: 'has ended and is not started again' },
      blocker: { reason: instance.reason || 'Error', message },
    };
  }
  const backoff = input.memory.crashBackoffs.get(container.name);
  const nextTryAtMs = backoff && (finishedAtMs ?? input.nowMs) + backoff.delayMs;
  return blocked(step, 'ends again and again', {
    reason: statusOf(input, container.name)?.state.waiting?.reason ?? 'CrashLoopBackOff',
    message,
    attempts: instance.restartCount + 1,
    nextTryAtMs,
  });
}

function willRestart({ pod, lifecycle }: ExplainInput, container: Container): boolean {
  if (lifecycle !== 'syncing' && lifecycle !== undefined) return false;
  return container.restartPolicy === 'Always' || pod.spec.restartPolicy !== 'Never';
}

/** How it ended, what it said last, and what made us end it. */
function exitText(input: ExplainInput, container: Container, instance: ObservedContainer): string {
  const { exitCode, reason, finishedAtMs = 0, startedAtMs = 0 } = instance;
  const status = statusOf(input, container.name);
  const terminated = status?.lastState.terminated ?? status?.state.terminated;
  const said = terminated?.message?.trim().split('\n').at(-1);
  const why = warningsOf(input, container.name).find(
    one =>
      /^(Liveness|Startup) probe|PostStartHook/.test(`${one.message}${one.reason}`) &&
      one.lastAtMs >= startedAtMs &&
      one.lastAtMs <= finishedAtMs + 1000,
  );
  const ending = `container ${container.name} ended with exit code ${exitCode}${reason ? ` (${reason})` : ''}`;
  return [ending, why && `it was stopped after: ${why.message}`, said && `its last words: ${said}`]
    .filter(text => text)
    .join('; ');
}

// The back-off of a pull names no error; the Event of the try before it does.
function rootError(input: ExplainInput, container: string, reason: string, message: string): string {
  if (reason !== 'ImagePullBackOff') return message;
  const failed = warningsOf(input, container).find(one => one.message.startsWith('Failed to pull image'));
  return failed?.message ?? message;
}

function waitingFor({ pod, observed, memory }: ExplainInput, container: Container, kind: Kind): string {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const ahead = all.slice(0, all.indexOf(container)).find(({ name, restartPolicy }) => {
    const newest = observed?.containers.find(one => one.name === name);
    const isOver = newest?.state === 'exited' && newest.exitCode === 0;
    return !isOver && !(newest?.state === 'running' && (restartPolicy === 'Always' || kind === 'container'));
  });
  if (ahead) return `after ${ahead.name}`;
  if (!observed?.sandboxes[0]?.isReady) return 'after the sandbox';
  if (memory.volumes === undefined) return 'after the volumes';
  return memory.images.has(container.name) ? 'being started' : `image ${container.image} is being made ready`;
}

function statusOf({ pod }: ExplainInput, name: string): ContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses].find(status => status.name === name);
}

function warningsOf({ warnings }: ExplainInput, container: string): readonly RecentWarning[] {
  return warnings.filter(({ fieldPath }) => fieldPath?.endsWith(`{${container}}`));
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))}s`;
}
