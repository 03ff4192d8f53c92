// The static pods' images in the API: made, made anew when somebody deletes them, removed with their pod.

import type { ApiClient } from '../api/client.ts';
import type { Node, Pod } from '../api/objects.ts';
import { podPath } from '../api/paths.ts';
import { Backoff } from '../lib/backoff.ts';
import { AlreadyExistsError, ConflictError, errorMessage, NotFoundError } from '../lib/errors.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';
import { Wakeup } from '../lib/wakeup.ts';
import { isMirrorPod } from '../resources/pod-class.ts';
import { fullName } from './naming.ts';
import { isMirrorOf, type MirrorAction, planMirrors, type StaticPod } from './plan-mirrors.ts';

const RETRY = { initialMs: 200, maxMs: 30_000, jitter: 0.3 } as const;
const IDLE_RECHECK_MS = 60_000;

export interface MirrorPodsDeps {
  readonly client: ApiClient;
  readonly node: () => Node | undefined;
  readonly logger: Logger;
  /** What was to be said of this mirror does not matter any more. */
  readonly onGone: (mirrorUID: string) => void;
}

export interface StaticPodSource {
  readonly staticPods: () => readonly StaticPod[];
  readonly knowsStaticPods: () => boolean;
}

export class MirrorPods {
  readonly #deps: MirrorPodsDeps;
  readonly #mirrors = new Map<string, Pod>();
  readonly #wakeup = new Wakeup();
  readonly #listeners = new Listeners();
  /** Before the first list a mirror that is not known may well be there. */
  #isListed = false;

  constructor(deps: MirrorPodsDeps) {
    this.#deps = deps;
  }

  /** Called when a mirror came, changed or went; it only wakes somebody. */
  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** The mirror of a static pod, if the API server has it. */
  of(pod: Pod): Pod | undefined {
    const mirror = [...this.#mirrors.values()].find(candidate => fullName(candidate) === fullName(pod));
    return mirror && isMirrorOf(mirror, pod) ? mirror : undefined;
  }

  /** Takes an object of the API's pod list if it is a mirror; false when it is a pod of its own. */
  take(pod: Pod): boolean {
    if (!isMirrorPod(pod)) return false;
    this.#mirrors.set(pod.metadata.uid ?? '', pod);
    this.#changed();
    return true;
  }

  /** True when it was a mirror. */
  forget(podUID: string): boolean {
    const wasMirror = this.#mirrors.delete(podUID);
    if (wasMirror) {
      this.#deps.onGone(podUID);
      this.#changed();
    }
    return wasMirror;
  }

  /** The whole list: a mirror that is not in it is gone. */
  takeAll(pods: readonly Pod[]): readonly Pod[] {
    const listed = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const uid of this.#mirrors.keys()) if (!listed.has(uid)) this.forget(uid);
    this.#isListed = true;
    this.wake();
    return pods.filter(pod => !this.take(pod));
  }

  wake(): void {
    this.#wakeup.wake();
  }

  /** Lives until the signal aborts. */
  async run(
    { staticPods, knowsStaticPods }: StaticPodSource,
    { signal }: { signal: AbortSignal },
  ): Promise<void> {
    const backoff = new Backoff(RETRY);
    let dueAtMs = 0;
    while (!signal.aborted) {
      const isDone = await this.#pass(staticPods(), knowsStaticPods(), signal);
      const nowMs = performance.now();
      if (isDone) backoff.reset();
      // A try that some wake-up made early does not lengthen the pause: there are many while an API server starts.
      if (isDone) dueAtMs = nowMs + IDLE_RECHECK_MS;
      else if (nowMs >= dueAtMs || backoff.failures === 0) dueAtMs = nowMs + backoff.nextMs();
      await this.#wakeup.wait(dueAtMs - nowMs, { signal });
    }
  }

  #changed(): void {
    this.wake();
    this.#listeners.tell();
  }

  // False when something has to be tried again.
  async #pass(statics: readonly StaticPod[], isComplete: boolean, signal: AbortSignal): Promise<boolean> {
    const node = this.#deps.node();
    if (!this.#isListed || !node || node.metadata.deletionTimestamp !== undefined) return true;
    const identity = { name: node.metadata.name, uid: node.metadata.uid ?? '' };
    let isDone = true;
    for (const action of planMirrors(statics, [...this.#mirrors.values()], identity, { isComplete })) {
      try {
        await this.#perform(action, signal);
      } catch (error) {
        if (signal.aborted) return true;
        isDone = false;
        const pod = fullName(action.mirror);
        const reason = errorMessage(error);
        this.#deps.logger.warn({ pod, action: action.kind, reason }, 'mirror pod not in order, trying again');
      }
    }
    return isDone;
  }

  async #perform({ kind, mirror }: MirrorAction, signal: AbortSignal): Promise<void> {
    const { namespace = 'default', name, uid = '' } = mirror.metadata;
    const { client, logger } = this.#deps;
    if (kind === 'create') {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
      const created = await createOnce(client, path, mirror, signal);
      if (created) this.take(created);
      logger.info({ pod: `${namespace}/${name}` }, 'mirror pod created');
      return;
    }
    const options = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      gracePeriodSeconds: 0,
      preconditions: { uid },
    };
    try {
      await client.delete(podPath(namespace, name), options, { signal });
    } catch (error) {
      // Gone, or another one has the name: the one meant is not there any more.
      if (!(error instanceof NotFoundError) && !(error instanceof ConflictError)) throw error;
    }
    this.forget(uid);
  }
}

async function createOnce(
  client: ApiClient,
  path: string,
  mirror: Pod,
  signal: AbortSignal,
): Promise<Pod | undefined> {
  try {
    return await client.create<Pod>(path, mirror, { signal });
  } catch (error) {
    // Ours, made a moment ago: the watch will tell. Anybody else's is in the way, and said so.
    if (!(error instanceof AlreadyExistsError)) throw error;
    const { namespace = 'default', name } = mirror.metadata;
    const found = await client.get<Pod>(podPath(namespace, name), { signal });
    const hash = mirror.metadata.annotations?.['kubernetes.io/config.mirror'];
    if (found.metadata.annotations?.['kubernetes.io/config.mirror'] === hash) return found;
    throw error;
  }
}
