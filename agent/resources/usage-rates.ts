// Cores in use, from a counter that is only looked at when somebody asks.

interface Sample {
  readonly usageNanoseconds: bigint;
  readonly atMs: number;
  readonly nanoCores: number | undefined;
  lookedAtMs: number;
}

// Below it the clock's grain and the counter's own (it is brought up to date at ticks) show.
const WINDOW_MIN_MS = 1000;
// As long as the kubelet's own samples are apart.
const WINDOW_MAX_MS = 10_000;
const FORGET_AFTER_MS = 600_000;

/** Averages between two looks, by key. The first look has none, and neither has one after the counter went back. */
export class UsageRates {
  readonly #samples = new Map<string, Sample>();

  /** Nanocores over the last window; `atMs` is monotonic. */
  measure(key: string, usageNanoseconds: bigint, atMs: number): number | undefined {
    const before = this.#samples.get(key);
    if (!before || usageNanoseconds < before.usageNanoseconds) {
      this.#samples.set(key, { usageNanoseconds, atMs, nanoCores: undefined, lookedAtMs: atMs });
      return undefined;
    }
    before.lookedAtMs = atMs;
    const windowMs = atMs - before.atMs;
    if (windowMs < WINDOW_MIN_MS) return before.nanoCores;
    const used = Number(usageNanoseconds - before.usageNanoseconds);
    const nanoCores = Math.round((used * 1000) / windowMs);
    if (before.nanoCores === undefined || windowMs >= WINDOW_MAX_MS) {
      this.#samples.set(key, { usageNanoseconds, atMs, nanoCores, lookedAtMs: atMs });
    }
    return nanoCores;
  }

  /** Drops what nobody looked at for long: its container is gone. */
  forgetOld(nowMs: number): void {
    for (const [key, { lookedAtMs }] of this.#samples) {
      if (nowMs - lookedAtMs > FORGET_AFTER_MS) this.#samples.delete(key);
    }
  }
}
