import type { Container, ContainerState, ContainerStatus, PodSpec } from '../api/objects.ts';
import { isRestartedAfterExit } from '../resources/restart-policy.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInput {
  readonly spec: PodSpec;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  /** Every container is stopped for good. */
  readonly isTerminal: boolean;
}

/** Pod phase from its container statuses (kubelet_pods.go getPhase). */
export function buildPhase(input: PhaseInput): PodPhase {
  const init = countInit(input);
  if (init.hasFailed) return 'Failed';
  const { waiting, running, stopped, unknown } = countRegular(input);
  const hasRun = running > 0 || stopped.length > 0;
  if (!input.isTerminal && (init.isPending || (init.isSidecarPending && !hasRun))) return 'Pending';
  if (waiting > 0) return 'Pending';
  if (running > 0 && unknown === 0) return 'Running';
  if (running > 0 || stopped.length === 0 || unknown > 0) return 'Pending';
  const hasSucceeded = stopped.every(({ exitCode }) => exitCode === 0);
  if (input.isTerminal) return hasSucceeded ? 'Succeeded' : 'Failed';
  if (stopped.some(({ name, exitCode }) => isRestartable(input.spec, name, exitCode))) return 'Running';
  return hasSucceeded ? 'Succeeded' : 'Failed';
}

interface InitCounts {
  readonly hasFailed: boolean;
  readonly isPending: boolean;
  readonly isSidecarPending: boolean;
}

function countInit({ spec, initStatuses }: PhaseInput): InitCounts {
  let hasFailed = false;
  let isPending = false;
  let isSidecarPending = false;
  for (const container of spec.initContainers ?? []) {
    const status = initStatuses.find(({ name }) => name === container.name);
    if (isSidecar(container)) {
      if (!status?.started && !lastEnd(status)) isSidecarPending = true;
      continue;
    }
    const exitCode = lastEnd(status)?.exitCode;
    if (exitCode === undefined) isPending = true;
    else if (exitCode !== 0) {
      if (isRestartedAfterExit(spec, container, exitCode)) isPending = true;
      else hasFailed = true;
    }
  }
  return { hasFailed, isPending, isSidecarPending };
}

export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

function lastEnd(status: ContainerStatus | undefined): ContainerState['terminated'] {
  if (!status) return undefined;
  return status.state.terminated ?? (status.state.waiting ? status.lastState.terminated : undefined);
}

interface RegularCounts {
  readonly waiting: number;
  readonly running: number;
  readonly stopped: readonly { readonly name: string; readonly exitCode: number }[];
  readonly unknown: number;
}

function countRegular({ spec, statuses }: PhaseInput): RegularCounts {
  let waiting = 0;
  let running = 0;
  let unknown = 0;
  const stopped: { name: string; exitCode: number }[] = [];
  for (const { name } of spec.containers) {
    const status = statuses.find(candidate => candidate.name === name);
    const ended = lastEnd(status);
    if (!status) unknown += 1;
    else if (status.state.running) running += 1;
    else if (ended) stopped.push({ name, exitCode: ended.exitCode });
    else waiting += 1;
  }
  return { waiting, running, stopped, unknown };
}

function isRestartable(spec: PodSpec, name: string, exitCode: number): boolean {
  const container = spec.containers.find(candidate => candidate.name === name);
  return container !== undefined && isRestartedAfterExit(spec, container, exitCode);
}
