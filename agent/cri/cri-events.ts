// CRI's own container events, for runtimes other than containerd. A hint to look again: they may be late or missing.

import type {
  ContainerEventResponse,
  ContainerEventType,
  ContainerStatus,
  PodSandboxStatus,
} from '../../cri-proto/runtime.v1.ts';
import { nanosecondsToMs } from '../lib/nanoseconds.ts';
import type { RuntimeService } from './runtime-service.ts';

export interface CriEvent {
  readonly kind: 'created' | 'started' | 'stopped' | 'deleted';
  /** A container's or a sandbox's. */
  readonly containerId: string;
  readonly createdAtMs: number;
  /** As of the event; undefined once the sandbox is gone. */
  readonly sandbox: PodSandboxStatus | undefined;
  readonly containers: readonly ContainerStatus[];
}

const KINDS: Readonly<Record<ContainerEventType, CriEvent['kind']>> = {
  CONTAINER_CREATED_EVENT: 'created',
  CONTAINER_STARTED_EVENT: 'started',
  CONTAINER_STOPPED_EVENT: 'stopped',
  CONTAINER_DELETED_EVENT: 'deleted',
};

/** Ends when the signal aborts; throws UnavailableError when the stream breaks, InvalidError where there is none. */
export async function* watchCriEvents({
  runtime,
  signal,
}: {
  readonly runtime: RuntimeService;
  readonly signal: AbortSignal;
}): AsyncGenerator<CriEvent, void, void> {
  for await (const event of runtime.getContainerEvents({ signal })) yield parseCriEvent(event);
}

function parseCriEvent(event: ContainerEventResponse): CriEvent {
  return {
    kind: KINDS[event.containerEventType],
    containerId: event.containerId,
    createdAtMs: nanosecondsToMs(event.createdAt),
    sandbox: event.podSandboxStatus ?? undefined,
    containers: event.containersStatuses,
  };
}
