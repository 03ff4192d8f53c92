interface Waiter {
  readonly priority: number;
  readonly admit: () => void;
}

/** Bounds how many run at once; among those waiting the lowest priority number goes first, then the oldest. */
export class Semaphore {
  readonly #limit: number;
  readonly #waiting: Waiter[] = [];
  #active = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `work` when a place is free. Throws the signal's reason if it aborts while waiting. */
  async run<T>(
    work: () => Promise<T>,
    { signal, priority }: { signal: AbortSignal; priority: number },
  ): Promise<T> {
    await this.#enter(priority, signal);
    try {
      return await work();
    } finally {
      this.#active -= 1;
      this.#waiting.shift()?.admit();
    }
  }

  #enter(priority: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#active < this.#limit) {
      this.#active += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        priority,
        admit: () => {
          signal.removeEventListener('abort', onAbort);
          this.#active += 1;
          resolve();
        },
      };
      const position = this.#waiting.findIndex(other => other.priority > priority);
      this.#waiting.splice(position < 0 ? this.#waiting.length : position, 0, waiter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
