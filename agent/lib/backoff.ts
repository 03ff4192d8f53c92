export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Part of the delay that is random, 0 to 1: 0.5 means a delay between 50 % and 100 %. */
  readonly jitter?: number;
}

/** The delay after so many failures in a row: the initial one, doubled with each of them up to the cap. */
export function doublingDelayMs(
  { initialMs, maxMs }: Pick<BackoffOptions, 'initialMs' | 'maxMs'>,
  failures: number,
): number {
  return Math.min(maxMs, initialMs * 2 ** Math.min(failures - 1, 30));
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
    const { jitter = 0 } = this.#options;
    this.#failures += 1;
    const fullMs = doublingDelayMs(this.#options, this.#failures);
    return Math.round(fullMs * (1 - jitter * Math.random()));
  }

  reset(): void {
    this.#failures = 0;
  }
}
