// Keeps the snapshots true: containerd's events (or CRI's, for other runtimes) within milliseconds, a relist at the
// start, after each break of the stream and every 45 s.

import type { Logger } from 'pino';
import { watchContainerdEvents } from '../cri/containerd-events.ts';
import { watchCriEvents } from '../cri/cri-events.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { Backoff } from '../lib/backoff.ts';
import { sleep } from '../lib/sleep.ts';
import { TaskGroup } from '../lib/task-group.ts';
import type { RuntimeSnapshots } from './snapshots.ts';

const RELIST_INTERVAL_MS = 45_000;
const RECONNECT = { initialMs: 50, maxMs: 1000, jitter: 0.3 } as const;

// containerd tells of an exit before its CRI plugin has written it down; asking again a few times bridges that.
const EXIT_LOOKS_MS = [0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560] as const;

// A removal of ours is in the snapshot by then.
const REMOVAL_LOOK_MS = 100;

const KUBERNETES_NAMESPACE = 'k8s.io';
const TOPICS = ['/tasks/exit', '/containers/delete'] as const;

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
      for await (const change of watchChanges(deps, signal)) {
        if (change !== SUBSCRIBED) {
          looks.look(change);
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

interface RuntimeChange {
  readonly id: string;
  readonly kind: 'changed' | 'removed';
}

async function* watchChanges(
  { runtime, endpoint }: RuntimeEventsDeps,
  signal: AbortSignal,
): AsyncGenerator<RuntimeChange | typeof SUBSCRIBED, void, void> {
  const { runtimeName } = await runtime.version({ signal });
  if (runtimeName !== 'containerd') {
    yield SUBSCRIBED;
    for await (const { containerId: id } of watchCriEvents({ runtime, signal }))
      yield { id, kind: 'changed' };
    return;
  }
  const options = { endpoint, namespace: KUBERNETES_NAMESPACE, topics: TOPICS, signal };
  for await (const event of watchContainerdEvents(options)) {
    if (event.kind === 'subscribed') yield SUBSCRIBED;
    // An exec's exit carries its own process ID and changes nothing about the container.
    if (event.kind === 'taskExit' && event.processId === event.containerId)
      yield { id: event.containerId, kind: 'changed' };
    if (event.kind === 'containerDelete') yield { id: event.containerId, kind: 'removed' };
  }
}

/** Looks at a container or sandbox until the runtime shows what its event told. */
class ExitLooks {
  readonly #deps: RuntimeEventsDeps;
  readonly #tasks: TaskGroup;
  readonly #active = new Set<string>();

  constructor(deps: RuntimeEventsDeps, tasks: TaskGroup) {
    this.#deps = deps;
    this.#tasks = tasks;
  }

  look({ id, kind }: RuntimeChange): void {
    if (kind === 'removed') {
      this.#tasks.run(signal => this.#afterRemoval(id, signal));
      return;
    }
    if (this.#active.has(id)) return;
    this.#active.add(id);
    this.#tasks.run(signal => this.#untilShown(id, signal).finally(() => this.#active.delete(id)));
  }

  async #afterRemoval(id: string, signal: AbortSignal): Promise<void> {
    await sleep(REMOVAL_LOOK_MS, { signal });
    await this.#deps.runtime.ending(id);
    if (!signal.aborted && this.#isUp(id) !== undefined) await this.#refresh(id, signal);
  }

  async #untilShown(id: string, signal: AbortSignal): Promise<void> {
    for (const delayMs of EXIT_LOOKS_MS) {
      await sleep(delayMs, { signal });
      // Our own doing: whoever asked for it looks afterwards, and the next turn finds what was seen.
      if (await this.#deps.runtime.ending(id)) continue;
      if (signal.aborted) return;
      const isUp = this.#isUp(id);
      // Unknown yet: its start is still under way, and whoever started it looks at it afterwards. Look again then.
      if (isUp === undefined) continue;
      if (!isUp) return;
      await this.#refresh(id, signal);
      if (!this.#isUp(id)) return;
    }
  }

  // A look that fails proves nothing: the next one may be answered.
  async #refresh(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.snapshots.refreshKnown(id, { signal });
    } catch (error) {
      this.#deps.logger.debug({ id, err: error }, 'not read after an exit');
    }
  }

  /** Undefined for what no look has shown. */
  #isUp(id: string): boolean | undefined {
    const { snapshots } = this.#deps;
    const podUID = snapshots.ownerOf(id);
    const pod = podUID === undefined ? undefined : snapshots.get(podUID);
    const container = pod?.containers.find(known => known.id === id);
    if (container) return container.state === 'running';
    return pod?.sandboxes.find(known => known.id === id)?.isReady;
  }
}
