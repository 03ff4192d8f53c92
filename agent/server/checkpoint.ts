// `POST /checkpoint`: a container's memory and files in an archive on the node, where the runtime can (CRIU).

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeService } from '../cri/runtime-service.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { PodsView } from '../pod/pods-view.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { findContainerSpec } from './container-spec.ts';
import { type Exchange, sendJson, sendText } from './exchange.ts';
import type { Route } from './router.ts';
import { runningContainer } from './running-container.ts';

export interface CheckpointDeps {
  readonly pods: PodsView;
  readonly snapshots: RuntimeSnapshots;
  readonly runtime: RuntimeService;
  readonly clock: Clock;
  /** The kubelet's root directory. */
  readonly rootDir: string;
}

export function checkpointRoutes(deps: CheckpointDeps): readonly Route[] {
  const path = '/checkpoint/{namespace}/{pod}/{container}';
  return [{ methods: ['POST'], path, handle: exchange => serveCheckpoint(exchange, deps) }];
}

async function serveCheckpoint(
  { response, params, query, signal }: Exchange,
  deps: CheckpointDeps,
): Promise<void> {
  const { namespace = '', pod: podName = '', container = '' } = params;
  const pod = deps.pods.find(namespace, podName);
  if (!pod) return sendText(response, 404, 'pod does not exist');
  if (!findContainerSpec(pod, container)) {
    return sendText(response, 404, `container ${container} does not exist`);
  }
  const timeout = query.getAll('timeout').at(-1) ?? '0';
  if (!/^[+-]?\d{1,9}$/.test(timeout)) {
    return sendText(response, 404, 'cannot parse value of timeout parameter');
  }
  const id = runningContainer(pod, container, deps.snapshots);
  const failed = (why: string): void =>
    sendText(response, 500, `checkpointing of ${namespace}/${podName}/${container} failed (${why})`);
  if (id === undefined) return failed(`container ${container} not found`);
  const directory = join(deps.rootDir, 'checkpoints');
  const time = new Date(deps.clock.nowMs()).toISOString().replace(/\.\d+/, '');
  const location = join(directory, `checkpoint-${podName}_${namespace}-${container}-${time}.tar`);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const options = { location, timeoutSeconds: Math.max(0, Number(timeout)) };
    await deps.runtime.checkpointContainer(id, options, { signal });
    sendJson(response, 200, { items: [location] });
  } catch (error) {
    signal.throwIfAborted();
    failed(errorMessage(error));
  }
}
