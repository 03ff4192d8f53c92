/** The reason of a signal whose time is up; callers say in their own words what took too long. */
class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** A signal that aborts with its parent, when armed and out of time, or when cancelled. Dispose it when the work is done. */
export class Deadline implements Disposable {
  readonly #abort = new AbortController();
  readonly #parent: AbortSignal;
  readonly #onParentAbort = (): void => this.#abort.abort(this.#parent.reason);
  #timer: NodeJS.Timeout | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  constructor({ signal }: { signal: AbortSignal }) {
    this.#parent = signal;
    if (signal.aborted) this.#onParentAbort();
    else signal.addEventListener('abort', this.#onParentAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isExceeded(): boolean {
    return this.#abort.signal.reason instanceof DeadlineError;
  }

  get remainingMs(): number {
    return this.#atMs - performance.now();
  }

  /** Starts the time, anew if it runs. */
  arm(timeoutMs: number): void {
    this.disarm();
    this.#atMs = performance.now() + timeoutMs;
    this.#timer = setTimeout(() => this.#abort.abort(new DeadlineError('deadline exceeded')), timeoutMs);
  }

  disarm(): void {
    clearTimeout(this.#timer);
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  cancel(): void {
    this.#abort.abort();
  }

  [Symbol.dispose](): void {
    this.disarm();
    this.#parent.removeEventListener('abort', this.#onParentAbort);
  }
}
