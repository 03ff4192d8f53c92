import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { ProbeMetrics } from './probe-metrics.ts';
import type { ProbeOutcome } from './probe-outcome.ts';
import { PROBE_TITLES, type ProbeSpec } from './probe-spec.ts';
import {
  beginProbe,
  INITIAL_VERDICTS,
  isCounted,
  nextRunAtMs,
  type ProbeStart,
  type ProbeState,
  type ProbeVerdict,
  recordRun,
  settleProbe,
} from './probe-state.ts';
import { repeatWhileStarved } from './starvation.ts';

const ERROR_ATTEMPTS = 3; // same as the kubelet
const MAX_TIMER_MS = 86_400_000; // setTimeout overflows; an early look does no harm

export interface ProbeLoopDeps {
  /** Monotonic. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProbeMetrics;
  readonly run: (signal: AbortSignal) => Promise<ProbeOutcome>;
  readonly emit: (reason: 'Unhealthy' | 'ProbeWarning', message: string) => void;
  /** At once, in the turn in which the verdict changed. */
  readonly onVerdict: (verdict: ProbeVerdict) => void;
  /** Owns the promise of a run under way. */
  readonly own: (run: Promise<void>) => void;
}

/** Runs one probe of one container, instance after instance, never two runs at once. */
export class ProbeLoop {
  readonly #spec: ProbeSpec;
  readonly #deps: ProbeLoopDeps;
  #state: ProbeState | undefined;
  #timer: NodeJS.Timeout | undefined;
  #underWay: AbortController | undefined;

  constructor(spec: ProbeSpec, deps: ProbeLoopDeps) {
    this.#spec = spec;
    this.#deps = deps;
  }

  get verdict(): ProbeVerdict {
    return this.#state?.verdict ?? INITIAL_VERDICTS[this.#spec.type];
  }

  get hasBegun(): boolean {
    return this.#state !== undefined;
  }

  begin(start: Omit<ProbeStart, 'nowMs'>): void {
    this.pause();
    this.#state = beginProbe(this.#spec, { ...start, nowMs: this.#deps.clock.nowMs() });
    this.resume();
  }

  /** Goes on where it was paused; nothing before it has begun. */
  resume(): void {
    if (!this.#state || this.#underWay) return;
    clearTimeout(this.#timer);
    const delayMs = nextRunAtMs(this.#state) - this.#deps.clock.nowMs();
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#onTimer(), Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
  }

  /** A run under way is broken off and forgotten. */
  pause(): void {
    clearTimeout(this.#timer);
    this.#underWay?.abort();
    this.#underWay = undefined;
  }

  /** Forgets the instance. */
  reset(): void {
    this.pause();
    this.#state = undefined;
  }

  /** Ends the probing of this instance with a verdict that makes nobody act. */
  settle(): void {
    this.pause();
    this.#state = settleProbe();
  }

  #onTimer(): void {
    if (!this.#state) return;
    if (nextRunAtMs(this.#state) > this.#deps.clock.nowMs()) return this.resume();
    const underWay = new AbortController();
    this.#underWay = underWay;
    this.#deps.own(this.#runOnce(this.#state, underWay.signal));
  }

  async #runOnce(state: ProbeState, signal: AbortSignal): Promise<void> {
    const startedAtMs = this.#deps.clock.nowMs();
    const wasCounted = isCounted(state, startedAtMs);
    let outcome: ProbeOutcome;
    try {
      outcome = await this.#attempt(wasCounted ? ERROR_ATTEMPTS : 1, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error; // a broken invariant: handlers turn every failure into an outcome
    }
    if (signal.aborted) return;
    this.#underWay = undefined;
    const endedAtMs = this.#deps.clock.nowMs();
    const isSuccess = isPassed(outcome);
    const next = recordRun(this.#spec, state, { wasCounted, isSuccess }, endedAtMs);
    this.#state = next;
    if (next.verdict !== state.verdict) this.#deps.onVerdict(next.verdict);
    if (wasCounted || isSuccess) this.#tell(outcome, endedAtMs - startedAtMs);
    // Whoever heard of the verdict may have begun something else.
    if (this.#state === next) this.resume();
  }

  async #attempt(attempts: number, signal: AbortSignal): Promise<ProbeOutcome> {
    const { run } = this.#deps;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await repeatWhileStarved(PROBE_TITLES[this.#spec.type], () => run(signal));
      if (outcome.kind !== 'error' || attempt >= attempts || signal.aborted) return outcome;
    }
  }

  #tell(outcome: ProbeOutcome, durationMs: number): void {
    const { emit, logger, metrics } = this.#deps;
    if (outcome.kind !== 'success') logger.debug({ probe: this.#spec.type, outcome }, 'probe did not pass');
    const title = PROBE_TITLES[this.#spec.type];
    switch (outcome.kind) {
      case 'success':
        metrics.record(true, durationMs);
        return;
      case 'warning':
        metrics.record(true, durationMs);
        emit('ProbeWarning', `${title} probe warning: ${outcome.message}`);
        return;
      case 'failure':
        metrics.record(false, durationMs);
        emit('Unhealthy', `${title} probe failed: ${outcome.message}`);
        return;
      case 'error': {
        const text = `errored and resulted in ${outcome.result} state: ${outcome.message}`;
        emit('Unhealthy', `${title} probe ${text}`);
      }
    }
  }
}

// undefined: nothing was learned.
function isPassed({ kind }: ProbeOutcome): boolean | undefined {
  return kind === 'error' ? undefined : kind !== 'failure';
}
