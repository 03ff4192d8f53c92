// Keeps the snapshots true: containerd's events (or CRI's, for other runtimes) within milliseconds, a relist at the
// start, after each break of the stream and every 45 s.

import type { Logger } from 'pino';
import { watchContainerdEvents } from '../cri/containerd-events.ts';
import { watchCriEvents } from '../cri/cri-events.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { Backoff } from '../lib/backoff.ts';
import { sleep } from '../lib/sleep.ts';
import { TaskGroup } from '../lib/task-group.ts';
import type { ObservedPod } from './observed-pod.ts';
import type { RuntimeSnapshots } from './snapshots.ts';

const RELIST_INTERVAL_MS = 45_000;
const RECONNECT = { initialMs: 50, maxMs: 1000, jitter: 0.3 } as const;

// containerd tells of an exit before its CRI plugin has written it down; asking again a few times bridges that.
const EXIT_LOOKS_MS = [0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560] as const;

const KUBERNETES_NAMESPACE = 'k8s.io';

export interface RuntimeEventsDeps {
  readonly snapshots: RuntimeSnapshots;
  readonly runtime: RuntimeService;
  readonly endpoint: string;
  readonly logger: Logger;
  /** Told when the runtime's event stream comes and goes: the node's Ready condition looks at once. */
  readonly onConnection: (isConnected: boolean) => void;
}

/** Lives until the signal aborts. */
export async function runRuntimeEvents(
  deps: RuntimeEventsDeps,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const tasks = new TaskGroup({ signal });
  const looks = new ExitLooks(deps, tasks);
  tasks.run(inner => runRelists(deps, inner));
  tasks.run(inner => runStream(deps, looks, inner));
  await tasks.join();
}

async function runRelists({ snapshots }: RuntimeEventsDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(RELIST_INTERVAL_MS, { signal });
    // While the runtime is away the stream's owner complains and relists; the last picture stays.
    if (!signal.aborted) await snapshots.relist({ signal }).catch(() => undefined);
  }
}

async function runStream(deps: RuntimeEventsDeps, looks: ExitLooks, signal: AbortSignal): Promise<void> {
  const logger = deps.logger.child({ component: 'runtime' });
  const backoff = new Backoff(RECONNECT);
  let isDown = false;
  while (!signal.aborted) {
    try {
      for await (const id of watchChangedIds(deps, signal)) {
        if (id !== SUBSCRIBED) {
          looks.look(id);
          continue;
        }
        // Only now nothing can be missed: list what happened before.
        await deps.snapshots.relist({ signal });
        deps.onConnection(true);
        if (isDown) logger.info('container runtime is back');
        isDown = false;
        backoff.reset();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!isDown)
        logger.warn({ err: error }, 'container runtime is away; running containers are not affected');
      isDown = true;
      deps.onConnection(false);
    }
    await sleep(backoff.nextMs(), { signal });
  }
}

const SUBSCRIBED = Symbol('subscribed');

async function* watchChangedIds(
  { runtime, endpoint }: RuntimeEventsDeps,
  signal: AbortSignal,
): AsyncGenerator<string | typeof SUBSCRIBED, void, void> {
  const { runtimeName } = await runtime.version({ signal });
  if (runtimeName !== 'containerd') {
    yield SUBSCRIBED;
    for await (const event of watchCriEvents({ runtime, signal })) yield event.containerId;
    return;
  }
  for await (const event of watchContainerdEvents({ endpoint, namespace: KUBERNETES_NAMESPACE, signal })) {
    if (event.kind === 'subscribed') yield SUBSCRIBED;
    // An exec's exit carries its own process ID and changes nothing about the container.
    if (event.kind === 'taskExit' && event.processId === event.containerId) yield event.containerId;
    if (event.kind === 'containerDelete') yield event.containerId;
  }
}

/** Looks at a pod until the runtime shows what its event told. */
class ExitLooks {
  readonly #deps: RuntimeEventsDeps;
  readonly #tasks: TaskGroup;
  readonly #active = new Set<string>();

  constructor(deps: RuntimeEventsDeps, tasks: TaskGroup) {
    this.#deps = deps;
    this.#tasks = tasks;
  }

  look(id: string): void {
    if (this.#active.has(id)) return;
    this.#active.add(id);
    this.#tasks.run(signal => this.#untilShown(id, signal).finally(() => this.#active.delete(id)));
  }

  // A look that fails proves nothing: the next one may be answered.
  async #refresh(podUID: string, signal: AbortSignal): Promise<ObservedPod | 'unread' | undefined> {
    try {
      return await this.#deps.snapshots.refreshPod(podUID, { signal });
    } catch (error) {
      this.#deps.logger.debug({ podUID, err: error }, 'pod not read after an exit');
      return 'unread';
    }
  }

  async #untilShown(id: string, signal: AbortSignal): Promise<void> {
    const { snapshots } = this.#deps;
    for (const delayMs of EXIT_LOOKS_MS) {
      await sleep(delayMs, { signal });
      if (signal.aborted) return;
      const podUID = snapshots.ownerOf(id);
      // Unknown yet: its start is still under way, and whoever started it looks at it afterwards. Look again then.
      if (podUID === undefined) continue;
      const pod = await this.#refresh(podUID, signal);
      if (pod === 'unread') continue;
      const isStillUp =
        pod?.containers.some(container => container.id === id && container.state === 'running') ||
        pod?.sandboxes.some(sandbox => sandbox.id === id && sandbox.isReady);
      if (!isStillUp) return;
    }
  }
}
