// One watch sees everything the race times: what counts is the moment at which a client of the API learns it.
import type { ApiClient } from '../../agent/api/client.ts';
import type { KubeObject } from '../../agent/api/objects.ts';
import { watchObjects } from '../../agent/api/watch.ts';
import { createSilentLogger } from '../../agent/lib/logger.ts';

/** `object` is undefined once it is gone; `atMs` by `performance.now()`. */
export interface Sighting<T> {
  readonly name: string;
  readonly object: T | undefined;
  readonly atMs: number;
}

interface UntilOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Follows the objects of one namespace. */
export class ObjectWatch<T extends KubeObject> {
  readonly #latest = new Map<string, Sighting<T>>();
  readonly #observers = new Set<(sighting: Sighting<T>) => void>();
  readonly #abort = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  readonly #running: Promise<void>;

  constructor(client: ApiClient, path: string) {
    this.#running = this.#follow(client, path);
  }

  async untilSynced(): Promise<void> {
    await this.#synced.promise;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  get(name: string): T | undefined {
    return this.#latest.get(name)?.object;
  }

  list(): readonly T[] {
    return [...this.#latest.values()].flatMap(({ object }) => (object === undefined ? [] : [object]));
  }

  /** Calls back for every change from now on, until the returned function is called. */
  observe(observer: (sighting: Sighting<T>) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** When the object was first seen to satisfy the test, if it is not seen so already: then when it was last seen. */
  async until(
    name: string,
    what: string,
    test: (object: T | undefined) => boolean,
    { signal, timeoutMs }: UntilOptions,
  ): Promise<Sighting<T>> {
    const known = this.#latest.get(name);
    if (known !== undefined && test(known.object)) return known;
    const seen = Promise.withResolvers<Sighting<T>>();
    const stop = this.observe(sighting => {
      if (sighting.name === name && test(sighting.object)) seen.resolve(sighting);
    });
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const fail = () => {
      const status = JSON.stringify(this.get(name) ?? 'absent');
      seen.reject(new Error(`${name}: not ${what} within ${timeoutMs / 1000} s: ${status}`));
    };
    deadline.addEventListener('abort', fail, { once: true });
    try {
      return await seen.promise;
    } finally {
      stop();
      deadline.removeEventListener('abort', fail);
    }
  }

  async #follow(client: ApiClient, path: string): Promise<void> {
    const { signal } = this.#abort;
    for await (const event of watchObjects<T>(client, { path, signal, logger: createSilentLogger() })) {
      const atMs = performance.now();
      if (event.kind === 'synced') {
        const present = new Set(event.objects.map(({ metadata }) => metadata.name));
        for (const name of this.#latest.keys()) {
          if (!present.has(name)) this.#see({ name, object: undefined, atMs });
        }
        for (const object of event.objects) this.#see({ name: object.metadata.name, object, atMs });
        this.#synced.resolve();
      } else {
        const { name } = event.object.metadata;
        this.#see({ name, object: event.kind === 'deleted' ? undefined : event.object, atMs });
      }
    }
  }

  #see(sighting: Sighting<T>): void {
    this.#latest.set(sighting.name, sighting);
    for (const observer of this.#observers) observer(sighting);
  }
}
