import type { Clock } from './clock.ts';

interface Entry<V> {
  readonly value: V;
  readonly expiresAtMs: number;
}

export interface CachedLookupOptions<V> {
  readonly clock: Clock;
  /** Beyond it the one used longest ago goes. */
  readonly maxEntries: number;
  /** How long an answer holds; 0 or less: it is not kept. */
  readonly ttlMs: (value: V) => number;
}

/** Remembers answers for a while; several who ask for the same at once wait for one lookup. Failures are not kept. */
export class CachedLookup<V> {
  readonly #options: CachedLookupOptions<V>;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry<V>>();
  readonly #running = new Map<string, Promise<V>>();

  constructor(options: CachedLookupOptions<V>) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, load: () => Promise<V>): Promise<V> {
    const cached = this.#cached(key);
    if (cached) return Promise.resolve(cached.value);
    const running = this.#running.get(key);
    if (running) return running;
    const lookup = this.#load(key, load).finally(() => this.#running.delete(key));
    this.#running.set(key, lookup);
    return lookup;
  }

  #cached(key: string): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.expiresAtMs <= this.#options.clock.nowMs()) return undefined;
    this.#entries.set(key, entry); // now the most recently used
    return entry;
  }

  async #load(key: string, load: () => Promise<V>): Promise<V> {
    const { clock, maxEntries, ttlMs } = this.#options;
    const value = await load();
    const holdsMs = ttlMs(value);
    if (holdsMs <= 0) return value;
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAtMs: clock.nowMs() + holdsMs });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxEntries) break;
      this.#entries.delete(oldest);
    }
    return value;
  }
}
