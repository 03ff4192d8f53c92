export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Part of the delay that is random, 0 to 1: 0.5 means a delay between 50 % and 100 %. */
  readonly jitter?: number;
}

/** Doubling delays up to a cap. `reset` after a success. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  get failures(): number {
    return this.#failures;
  }

  /** The delay before the next attempt, milliseconds; every call counts as one more failure. */
  nextMs(): number {
    const { initialMs, maxMs, jitter = 0 } = this.#options;
    const fullMs = Math.min(maxMs, initialMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.round(fullMs * (1 - jitter * Math.random()));
  }

  reset(): void {
    this.#failures = 0;
  }
}
