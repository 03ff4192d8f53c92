// `GET /containerLogs/{namespace}/{pod}/{container}`: what `kubectl logs` shows.

import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { PodsView } from '../pod/pods-view.ts';
import type { ObservedContainer } from '../runtime/observed-pod.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { findContainerSpec } from './container-spec.ts';
import { type Exchange, sendText, writeChunk } from './exchange.ts';
import { findLogInstance } from './log-instance.ts';
import { parseLogQuery } from './log-query.ts';
import { readLog } from './log-reader.ts';
import type { PodChanges } from './pod-changes.ts';
import type { Route } from './router.ts';

export interface ContainerLogsDeps {
  readonly pods: PodsView;
  readonly snapshots: RuntimeSnapshots;
  readonly changes: PodChanges;
  readonly clock: Clock;
  /** Feature gate PodLogsQuerySplitStreams. */
  readonly canSplitStreams: boolean;
}

export function containerLogRoutes(deps: ContainerLogsDeps): readonly Route[] {
  const path = '/containerLogs/{namespace}/{pod}/{container}';
  return [{ methods: ['GET'], path, handle: exchange => serveLogs(exchange, deps) }];
}

async function serveLogs(exchange: Exchange, deps: ContainerLogsDeps): Promise<void> {
  const { response, params } = exchange;
  const { namespace = '', pod: podName = '', container = '' } = params;
  if (podName === '') return sendText(response, 400, '{"message": "Missing podID."}');
  if (container === '') return sendText(response, 400, '{"message": "Missing container name."}');
  if (namespace === '') return sendText(response, 400, '{"message": "Missing podNamespace."}');
  const { canSplitStreams, clock } = deps;
  const parsed = parseLogQuery(exchange.query, { nowMs: clock.nowMs(), canSplitStreams });
  if (parsed.kind === 'refused') return sendText(response, parsed.status, parsed.text);
  const { query } = parsed;
  const pod = deps.pods.find(namespace, podName);
  if (!pod) return sendText(response, 404, `pod "${podName}" does not exist`);
  if (!findContainerSpec(pod, container)) {
    return sendText(response, 404, `container "${container}" not found in pod "${podName}"`);
  }
  const { previous } = query;
  const instance = findLogInstance(pod.status ?? {}, { pod: podName, container, previous });
  if (instance.kind === 'none') return sendText(response, 400, instance.text);

  // As the kubelet: the answer is 200 before the log is looked for, and trouble with it stands in the body.
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  response.flushHeaders?.();
  await streamLog(exchange, deps, pod.metadata.uid ?? '', instance.containerID, query);
  response.end();
}

async function streamLog(
  { response, signal }: Exchange,
  { snapshots, changes }: ContainerLogsDeps,
  podUID: string,
  containerID: string,
  query: Parameters<typeof readLog>[1],
): Promise<void> {
  const id = containerID.replace(/^\w+:\/\//, '');
  const observe = (): ObservedContainer | undefined =>
    snapshots.get(podUID)?.containers.find(container => container.id === id);
  const path = observe()?.logPath;
  if (path === undefined || path === '') {
    response.write(`unable to retrieve container logs for ${containerID}`);
    return;
  }
  const source = {
    path,
    isRunning: () => observe()?.state === 'running',
    onChange: (listener: () => void) => changes.listen(podUID, listener),
  };
  try {
    for await (const chunk of readLog(source, query, { signal })) {
      if (!(await writeChunk(response, chunk, { signal }))) return;
    }
  } catch (error) {
    signal.throwIfAborted();
    response.write(errorMessage(error));
  }
}
