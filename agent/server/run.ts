// `POST /run`: a command in a container, its output as the answer. Older than exec, and without its streams.

import type { RuntimeService } from '../cri/runtime-service.ts';
import { errorMessage } from '../lib/errors.ts';
import type { PodsView } from '../pod/pods-view.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { type Exchange, sendText } from './exchange.ts';
import type { Route } from './router.ts';
import { runningContainer } from './running-container.ts';

export interface RunDeps {
  readonly pods: PodsView;
  readonly snapshots: RuntimeSnapshots;
  readonly runtime: RuntimeService;
}

export function runRoutes(deps: RunDeps): readonly Route[] {
  return ['/run/{namespace}/{pod}/{container}', '/run/{namespace}/{pod}/{uid}/{container}'].map(path => ({
    methods: ['POST'],
    path,
    handle: exchange => serveRun(exchange, deps),
  }));
}

async function serveRun({ response, params, query, signal }: Exchange, deps: RunDeps): Promise<void> {
  const pod = deps.pods.find(params['namespace'] ?? '', params['pod'] ?? '');
  if (!pod) return sendText(response, 404, 'pod does not exist');
  const name = params['container'] ?? '';
  const id = runningContainer(pod, name, deps.snapshots);
  if (id === undefined) return sendText(response, 500, `container not found ("${name}")`);
  const cmd = (query.get('cmd') ?? '').split(' ');
  try {
    const { stdout, stderr, exitCode } = await deps.runtime.execSync(id, cmd, 0, { signal });
    const output = Buffer.concat([stdout, stderr]);
    if (exitCode !== 0) {
      return sendText(
        response,
        500,
        `command '${cmd.join(' ')}' exited with ${exitCode}: ${output.toString()}`,
      );
    }
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': output.length });
    response.end(output);
  } catch (error) {
    signal.throwIfAborted();
    sendText(response, 500, errorMessage(error));
  }
}
