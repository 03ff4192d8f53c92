// setTimeout overflows to 1 ms above 2^31-1 ms; nobody here needs to sleep longer than a day without a look.
const MAX_WAIT_MS = 86_400_000;

/** Carries "something changed" without saying what: many wake-ups while busy make one more pass. */
export class Wakeup {
  #isPending = false;
  #resume: (() => void) | undefined;

  wake(): void {
    this.#isPending = true;
    this.#resume?.();
  }

  /** Resolves at the next wake-up (also one that came since the last wait), after `delayMs`, or on abort. Never rejects. */
  wait(delayMs: number, { signal }: { signal: AbortSignal }): Promise<void> {
    if (this.#isPending || signal.aborted || delayMs <= 0) {
      this.#isPending = false;
      return Promise.resolve();
    }
    return new Promise(resolve => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        this.#resume = undefined;
        this.#isPending = false;
        resolve();
      };
      const timer = setTimeout(finish, Math.min(delayMs, MAX_WAIT_MS));
      signal.addEventListener('abort', finish, { once: true });
      this.#resume = finish;
    });
  }
}
