import type { ContainerStatus, PodSpec } from '../api/objects.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

interface Counts {
  readonly waiting: number;
  readonly running: number;
  readonly stopped: readonly { readonly name: string; readonly exitCode: number }[];
  readonly unknown: number;
}

/** Pod phase from its container statuses (kubelet_pods.go getPhase). */
export function buildPhase(
  spec: PodSpec,
  statuses: readonly ContainerStatus[],
  isTerminal: boolean,
): PodPhase {
  const { waiting, running, stopped, unknown } = count(spec, statuses);
  if (waiting > 0) return 'Pending';
  if (running > 0 && unknown === 0) return 'Running';
  if (running > 0 || stopped.length === 0 || unknown > 0) return 'Pending';
  const hasSucceeded = stopped.every(({ exitCode }) => exitCode === 0);
  if (isTerminal) return hasSucceeded ? 'Succeeded' : 'Failed';
  if (stopped.some(({ name, exitCode }) => isRestartable(spec, name, exitCode))) return 'Running';
  return hasSucceeded ? 'Succeeded' : 'Failed';
}

function count(spec: PodSpec, statuses: readonly ContainerStatus[]): Counts {
  let waiting = 0;
  let running = 0;
  let unknown = 0;
  const stopped: { name: string; exitCode: number }[] = [];
  for (const { name } of spec.containers) {
    const status = statuses.find(candidate => candidate.name === name);
    const ended =
      status?.state.terminated ?? (status?.state.waiting ? status.lastState.terminated : undefined);
    if (!status) unknown += 1;
    else if (status.state.running) running += 1;
    else if (ended) stopped.push({ name, exitCode: ended.exitCode });
    else waiting += 1;
  }
  return { waiting, running, stopped, unknown };
}

function isRestartable(spec: PodSpec, name: string, exitCode: number): boolean {
  const policy =
    spec.containers.find(container => container.name === name)?.restartPolicy ?? spec.restartPolicy;
  return policy === 'OnFailure' ? exitCode !== 0 : policy !== 'Never';
}
