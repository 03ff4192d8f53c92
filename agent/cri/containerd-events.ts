// What containerd itself tells about its containers: the event service sends every subscriber everything, from 1.6
// to 2.x, where CRI's own events are missing in 1.6 and shared among the subscribers in 1.7.

import { Metadata } from '@grpc/grpc-js';
import type {
  ContainerDelete,
  Envelope,
  ImageChange,
  TaskDelete,
  TaskExit,
  TaskOOM,
  TaskStart,
} from '../../cri-proto/containerd-events.ts';
import { type ContainerdEventsV1, loadContainerdEvents } from '../../cri-proto/load.ts';
import { sleep } from '../lib/sleep.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { InFlightCalls } from './in-flight.ts';
import { timestampToMs } from './timestamps.ts';

export type ContainerdEvent =
  /** From here on nothing is missed: look at everything once now. May come more than once. */
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'taskStart'; readonly containerId: string; readonly pid: number }
  | ContainerdTaskExit
  | { readonly kind: 'taskOom'; readonly containerId: string }
  /** processId is empty for the container's own process. */
  | { readonly kind: 'taskDelete'; readonly containerId: string; readonly processId: string }
  | { readonly kind: 'containerDelete'; readonly containerId: string }
  | { readonly kind: 'imageCreate' | 'imageUpdate' | 'imageDelete'; readonly name: string };

export interface ContainerdTaskExit {
  readonly kind: 'taskExit';
  /** A container's or a sandbox's: both are tasks. */
  readonly containerId: string;
  /** Equal to containerId when the container's own process exited; anything else is an exec's exit, and the container lives on. */
  readonly processId: string;
  readonly pid: number;
  readonly exitStatus: number;
  readonly exitedAtMs: number;
}

export interface WatchContainerdEventsOptions {
  readonly endpoint: string;
  /** `k8s.io` for CRI's containers. */
  readonly namespace: string;
  /** Only these: what nobody sends costs nobody anything. */
  readonly topics: readonly ContainerdTopic[];
  readonly signal: AbortSignal;
}

export type ContainerdTopic =
  | '/tasks/start'
  | '/tasks/exit'
  | '/tasks/oom'
  | '/tasks/delete'
  | '/containers/delete'
  | '/images/create'
  | '/images/update'
  | '/images/delete';

type Decode = ContainerdEventsV1['decodePayload'];

// Published by ourselves once the subscription is asked for: containerd confirms a subscription by nothing but its
// first event. The payload is one that every containerd client can read.
const MARKER_TOPIC = '/nodelet/subscribed';
const MARKER_PAYLOAD = 'containerd.events.NamespaceUpdate';
const MARKER_INTERVAL_MS = 100;
const MARKER_TIMEOUT_MS = 10_000;

/** Ends when the signal aborts; throws UnavailableError when the stream breaks, and the owner starts it again. */
export async function* watchContainerdEvents({
  endpoint,
  namespace,
  topics,
  signal,
}: WatchContainerdEventsOptions): AsyncGenerator<ContainerdEvent, void, void> {
  const { events, decodePayload } = loadContainerdEvents();
  const connection = new GrpcConnection(endpoint, new InFlightCalls());
  const markers = new AbortController();
  const broken = new AbortController();
  const filters = [MARKER_TOPIC, ...topics].map(topic => `namespace=="${namespace}",topic=="${topic}"`);
  const stream = connection.stream(
    events.Subscribe,
    { filters },
    { signal: AbortSignal.any([signal, broken.signal]) },
  );
  const marking = publishMarkers(
    connection,
    events,
    namespace,
    AbortSignal.any([signal, markers.signal]),
  ).catch((error: unknown) => broken.abort(error));
  try {
    for await (const envelope of stream) {
      if (envelope.topic === MARKER_TOPIC) markers.abort();
      const event = parseEnvelope(envelope, decodePayload);
      if (event) yield event;
    }
    if (!signal.aborted) broken.signal.throwIfAborted();
  } finally {
    markers.abort();
    await marking;
    connection.close();
  }
}

// Until one of them comes back through the stream.
async function publishMarkers(
  connection: GrpcConnection,
  events: ContainerdEventsV1['events'],
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  const metadata = new Metadata();
  metadata.set('containerd-namespace', namespace);
  const request = { topic: MARKER_TOPIC, event: { type_url: MARKER_PAYLOAD, value: Buffer.alloc(0) } };
  const options = { signal, timeoutMs: MARKER_TIMEOUT_MS, subject: namespace };
  try {
    while (!signal.aborted) {
      await connection.unary(events.Publish, request, options, metadata);
      await sleep(MARKER_INTERVAL_MS, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Undefined for what is not ours to read. */
export function parseEnvelope({ topic, event }: Envelope, decode: Decode): ContainerdEvent | undefined {
  if (topic === MARKER_TOPIC) return { kind: 'subscribed' };
  if (!event) return undefined;
  // Some runtimes put a host in front of the name, as protobuf's own convention has it.
  const typeName = event.type_url.slice(event.type_url.lastIndexOf('/') + 1);
  const payload = decode(typeName, event.value);
  return payload === undefined ? undefined : parsePayload(typeName, payload);
}

// The casts say what the loader decoded: `typeName` decides the message's form.
function parsePayload(typeName: string, payload: unknown): ContainerdEvent | undefined {
  switch (typeName) {
    case 'containerd.events.TaskStart': {
      const { containerId, pid } = payload as TaskStart;
      return { kind: 'taskStart', containerId, pid };
    }
    case 'containerd.events.TaskExit':
      return parseTaskExit(payload as TaskExit);
    case 'containerd.events.TaskOOM':
      return { kind: 'taskOom', containerId: (payload as TaskOOM).containerId };
    case 'containerd.events.TaskDelete': {
      const { containerId, id } = payload as TaskDelete;
      return { kind: 'taskDelete', containerId, processId: id };
    }
    case 'containerd.events.ContainerDelete':
      return { kind: 'containerDelete', containerId: (payload as ContainerDelete).id };
    case 'containerd.services.images.v1.ImageCreate':
      return { kind: 'imageCreate', name: (payload as ImageChange).name };
    case 'containerd.services.images.v1.ImageUpdate':
      return { kind: 'imageUpdate', name: (payload as ImageChange).name };
    case 'containerd.services.images.v1.ImageDelete':
      return { kind: 'imageDelete', name: (payload as ImageChange).name };
    default:
      return undefined;
  }
}

function parseTaskExit({ containerId, id, pid, exitStatus, exitedAt }: TaskExit): ContainerdTaskExit {
  const exitedAtMs = exitedAt ? timestampToMs(exitedAt) : 0;
  return { kind: 'taskExit', containerId, processId: id, pid, exitStatus, exitedAtMs };
}
