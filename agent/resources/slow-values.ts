// Values that take long to find out (a walk through a directory, a question to the runtime) and may be a little old.
import { Semaphore } from '../lib/semaphore.ts';

export interface SlowValuesOptions {
  /** Older values are found out anew while the old one is still handed out. */
  readonly maxAgeMs: number;
  /** How many are found out at a time. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
}

interface Entry<T> {
  value: { readonly found: T } | undefined;
  foundAtMs: number;
  askedAtMs: number;
  pending: Promise<T> | undefined;
}

const FORGET_AFTER_MS = 600_000;

/** Only the first question about a key waits. Nothing is done for a key that nobody asks about. */
export class SlowValues<T> {
  readonly #options: SlowValuesOptions;
  readonly #places: Semaphore;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: SlowValuesOptions) {
    this.#options = options;
    this.#places = new Semaphore(options.concurrency);
  }

  async get(key: string, find: () => Promise<T>): Promise<T> {
    const nowMs = performance.now();
    const entry = this.#entry(key);
    entry.askedAtMs = nowMs;
    const isOld = nowMs - entry.foundAtMs > this.#options.maxAgeMs;
    if (isOld) entry.pending ??= this.#find(entry, find);
    if (entry.value) {
      // A refresh that fails leaves the old value, and the next question tries again.
      entry.pending?.catch(() => undefined);
      return entry.value.found;
    }
    return await (entry.pending ?? this.#find(entry, find));
  }

  /** Drops what nobody asked about for long. */
  forgetOld(): void {
    const nowMs = performance.now();
    for (const [key, { askedAtMs, pending }] of this.#entries) {
      if (!pending && nowMs - askedAtMs > FORGET_AFTER_MS) this.#entries.delete(key);
    }
  }

  #entry(key: string): Entry<T> {
    const known = this.#entries.get(key);
    if (known) return known;
    const entry = { value: undefined, foundAtMs: Number.NEGATIVE_INFINITY, askedAtMs: 0, pending: undefined };
    this.#entries.set(key, entry);
    return entry;
  }

  async #find(entry: Entry<T>, find: () => Promise<T>): Promise<T> {
    try {
      const found = await this.#places.run(find, { signal: this.#options.signal, priority: 0 });
      entry.value = { found };
      entry.foundAtMs = performance.now();
      return found;
    } finally {
      entry.pending = undefined;
    }
  }
}
