/** Owns long-lived promises: the first one that fails aborts the rest, and `join` hands on its error. */
export class TaskGroup {
  readonly #abort = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** Aborted when the parent is, or when a task fails. */
  readonly signal: AbortSignal;

  constructor({ signal }: { signal: AbortSignal }) {
    this.signal = AbortSignal.any([signal, this.#abort.signal]);
  }

  get size(): number {
    return this.#running.size;
  }

  /** Starts a task; an error after the signal aborted is the abort's echo and is dropped. */
  run(task: (signal: AbortSignal) => Promise<void>): void {
    const promise = task(this.signal)
      .catch((error: unknown) => {
        if (this.signal.aborted) return;
        this.#failure ??= { error };
        this.#abort.abort(error);
      })
      .finally(() => this.#running.delete(promise));
    this.#running.add(promise);
  }

  /** Waits for every task, including those started meanwhile; throws the first failure. */
  async join(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#failure) throw this.#failure.error;
  }
}
