import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  PodSpec,
} from '../api/objects.ts';
import { isRestartedAfterExit } from '../resources/restart-policy.ts';

/** Of a container that was removed because all of the pod's start over, with exit code 137. */
export const RESTARTING_ALL_CONTAINERS = 'RestartingAllContainers';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInput {
  readonly spec: PodSpec;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  /** Every container is stopped for good. */
  readonly isTerminal: boolean;
  /** Whatever has ended starts over, also what was stopped for that. */
  readonly isRestartingAll: boolean;
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
  if (input.isRestartingAll || stopped.some(({ isToRestart }) => isToRestart)) return 'Running';
  return hasSucceeded ? 'Succeeded' : 'Failed';
}

interface InitCounts {
  readonly hasFailed: boolean;
  readonly isPending: boolean;
  readonly isSidecarPending: boolean;
}

function countInit({ spec, initStatuses, isRestartingAll }: PhaseInput): InitCounts {
  let hasFailed = false;
  let isPending = false;
  let isSidecarPending = false;
  for (const container of spec.initContainers ?? []) {
    const status = initStatuses.find(({ name }) => name === container.name);
    if (isSidecar(container)) {
      if (!status?.started && !lastEnd(status)) isSidecarPending = true;
      continue;
    }
    const ended = lastEnd(status);
    if (!ended) isPending = true;
    else if (ended.exitCode !== 0) {
      if (isRestartingAll || isRestartable(spec, container, ended)) isPending = true;
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
  readonly stopped: readonly { readonly exitCode: number; readonly isToRestart: boolean }[];
  readonly unknown: number;
}

function countRegular({ spec, statuses }: PhaseInput): RegularCounts {
  let waiting = 0;
  let running = 0;
  let unknown = 0;
  const stopped: { exitCode: number; isToRestart: boolean }[] = [];
  for (const container of spec.containers) {
    const status = statuses.find(({ name }) => name === container.name);
    const ended = lastEnd(status);
    if (!status) unknown += 1;
    else if (status.state.running) running += 1;
    else if (ended) {
      stopped.push({ exitCode: ended.exitCode, isToRestart: isRestartable(spec, container, ended) });
    } else waiting += 1;
  }
  return { waiting, running, stopped, unknown };
}

function isRestartable(
  spec: PodSpec,
  container: Container,
  { exitCode, reason }: ContainerStateTerminated,
): boolean {
  return reason === RESTARTING_ALL_CONTAINERS || isRestartedAfterExit(spec, container, exitCode);
}
