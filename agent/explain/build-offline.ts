// An explanation from the runtime alone. Pure.
import type { ObservedContainer, ObservedPod } from '../runtime/observed-pod.ts';
import type { Blocker, ExplainedStep, PodExplanation } from './explanation.ts';

/** `last`: what the agent said before it went down. Its steps before the sandbox still hold. */
export function explainObserved(
  observed: ObservedPod,
  last: PodExplanation | undefined,
  nowMs: number,
): PodExplanation {
  const { namespace, name, podUID } = observed;
  const [sandbox] = observed.sandboxes;
  const before = last?.steps.filter(step => ['scheduled', 'admitted', 'volumes'].includes(step.name)) ?? [];
  const isReady = sandbox?.isReady === true;
  const newest = new Map(observed.containers.toReversed().map(container => [container.name, container]));
  const ended = [...newest.values()].find(({ state, exitCode }) => state === 'exited' && exitCode !== 0);
  return {
    namespace,
    name,
    uid: podUID,
    phase: last?.phase ?? 'Unknown',
    steps: [
      ...before,
      {
        name: 'sandbox',
        state: isReady ? 'done' : 'waiting',
        detail: isReady ? sandbox.podIPs.join(', ') || "the node's network" : 'there is none that runs',
        atMs: sandbox?.createdAtMs,
      },
      ...[...newest.values()].map(explainContainer),
    ],
    // Nobody tries again while no agent runs.
    blocker: withoutNextTry(last?.blocker) ?? (ended && { step: `container ${ended.name}`, ...endOf(ended) }),
    source: 'runtime',
    atMs: nowMs,
  };
}

export function withoutNextTry(blocker: Blocker | undefined): Blocker | undefined {
  return blocker && { ...blocker, nextTryAtMs: undefined };
}

function explainContainer(container: ObservedContainer): ExplainedStep {
  const name = `container ${container.name}`;
  switch (container.state) {
    case 'running':
      return { name, state: 'done', detail: 'runs', atMs: container.startedAtMs };
    case 'exited':
      return container.exitCode === 0
        ? { name, state: 'done', detail: 'has done its work', atMs: container.finishedAtMs }
        : { name, state: 'blocked', detail: endOf(container).message };
    case 'created':
    case 'startAborted':
    case 'unknown':
      return { name, state: 'waiting', detail: container.state };
  }
}

function endOf({ name, exitCode, reason, message }: ObservedContainer): { reason: string; message: string } {
  const text = `container ${name} ended with exit code ${exitCode}${reason ? ` (${reason})` : ''}`;
  return { reason: reason || 'Error', message: message ? `${text}; ${message}` : text };
}
