import { errorMessage } from './errors.ts';
import type { Logger } from './logger.ts';

/** One line when something begins to fail, one per new cause, and one when it works again. */
export class OutageLog {
  readonly #logger: Logger;
  readonly #what: string;
  #lastCause: string | undefined;
  #sinceMs = 0;

  /** `what` reads on as "<what> fails" and "<what> works again", e.g. `node registration`. */
  constructor(logger: Logger, what: string) {
    this.#logger = logger;
    this.#what = what;
  }

  get isFailing(): boolean {
    return this.#lastCause !== undefined;
  }

  failed(error: unknown): void {
    const cause = errorMessage(error);
    if (this.#lastCause === undefined) this.#sinceMs = Date.now();
    if (this.#lastCause !== cause) this.#logger.warn({ err: error }, `${this.#what} fails, trying again`);
    this.#lastCause = cause;
  }

  succeeded(): void {
    if (this.#lastCause === undefined) return;
    this.#logger.info({ durationMs: Date.now() - this.#sinceMs }, `${this.#what} works again`);
    this.#lastCause = undefined;
  }
}
