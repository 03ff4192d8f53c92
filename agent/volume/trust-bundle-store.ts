// The cluster's trust bundles: watched, all of them, while a pod of this node takes anchors from any, for which one
// that is chosen by labels cannot be known beforehand.
import type { ApiClient } from '../api/client.ts';
import type { KubeObject } from '../api/objects.ts';
import { clusterTrustBundlesPath } from '../api/paths.ts';
import { watchObjects } from '../api/watch.ts';
import { settledOrAborted } from '../lib/abort.ts';
import { LateTasks } from '../lib/late-tasks.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';

export interface TrustBundle extends KubeObject {
  readonly spec: { readonly signerName?: string; readonly trustBundle: string };
}

export type TrustBundlesLookup =
  | { readonly kind: 'known'; readonly bundles: readonly TrustBundle[] }
  /** Not listed yet, or nobody has asked for them. */
  | { readonly kind: 'unknown' };

interface Watching {
  readonly abort: AbortController;
  readonly known: PromiseWithResolvers<void>;
  /** By name; undefined before the first list. */
  bundles: ReadonlyMap<string, TrustBundle> | undefined;
}

export class TrustBundleStore {
  readonly #client: ApiClient;
  readonly #logger: Logger;
  readonly #podUIDs = new Set<string>();
  readonly #listeners = new Listeners<[podUID: string]>();
  readonly #tasks = new LateTasks();
  #watching: Watching | undefined;

  constructor({ client, logger }: { client: ApiClient; logger: Logger }) {
    this.#client = client;
    this.#logger = logger;
  }

  /** Runs the watch, while it is needed, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#tasks.run(signal);
  }

  /** Called with each pod that takes anchors when any bundle changes; it only wakes. */
  onChange(listener: (podUID: string) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Keeps the bundles watched for this pod; idempotent. */
  acquire(podUID: string): void {
    this.#podUIDs.add(podUID);
    if (this.#watching) return;
    const watching: Watching = {
      abort: new AbortController(),
      known: Promise.withResolvers(),
      bundles: undefined,
    };
    this.#watching = watching;
    this.#tasks.start(signal => this.#watch(watching, signal), watching.abort);
  }

  release(podUID: string): void {
    if (!this.#podUIDs.delete(podUID) || this.#podUIDs.size > 0) return;
    this.#watching?.abort.abort();
    this.#watching?.known.resolve();
    this.#watching = undefined;
  }

  get(): TrustBundlesLookup {
    const bundles = this.#watching?.bundles;
    return bundles ? { kind: 'known', bundles: [...bundles.values()] } : { kind: 'unknown' };
  }

  /** Resolves with the first list, on release or on abort; the caller looks with `get`. */
  async waitKnown({ signal }: { signal: AbortSignal }): Promise<void> {
    const watching = this.#watching;
    if (watching && !watching.bundles) await settledOrAborted(watching.known.promise, signal);
  }

  async #watch(watching: Watching, signal: AbortSignal): Promise<void> {
    const options = { path: clusterTrustBundlesPath, signal, logger: this.#logger };
    try {
      for await (const event of watchObjects<TrustBundle>(this.#client, options)) {
        const bundles = new Map(event.kind === 'synced' ? [] : watching.bundles);
        if (event.kind === 'synced') for (const one of event.objects) bundles.set(one.metadata.name, one);
        if (event.kind === 'upserted') bundles.set(event.object.metadata.name, event.object);
        if (event.kind === 'deleted') bundles.delete(event.object.metadata.name);
        watching.bundles = bundles;
        watching.known.resolve();
        for (const podUID of this.#podUIDs) this.#listeners.tell(podUID);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
