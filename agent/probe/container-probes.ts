import type { Container } from '../api/objects.ts';
import type { ProbeLoop } from './probe-loop.ts';
import type { ProbeType } from './probe-spec.ts';
import { INITIAL_VERDICTS, type ProbeVerdict } from './probe-state.ts';

/** Absent: the container has no such probe. */
export interface ContainerVerdicts {
  readonly startup?: ProbeVerdict;
  readonly liveness?: ProbeVerdict;
  readonly readiness?: ProbeVerdict;
}

/** A running instance of the container, on the clock of the loops. */
export interface ProbedInstance {
  readonly id: string;
  readonly startedAtMs: number;
  /** What the API said of it when the agent started; undefined for one started since. */
  readonly before: { readonly isStarted: boolean; readonly isReady: boolean } | undefined;
}

export type Loops = Readonly<Partial<Record<ProbeType, ProbeLoop>>>;

/** The probes of one container: liveness and readiness begin when the startup probe, if there is one, has passed. */
export class ContainerProbes {
  readonly container: Container;
  readonly #loops: Loops;
  readonly #nextSpread: () => number;
  #instance: ProbedInstance | undefined;
  #isRunning = false;
  #isEnding = false;

  constructor(container: Container, loops: Loops, nextSpread: () => number) {
    this.container = container;
    this.#loops = loops;
    this.#nextSpread = nextSpread;
  }

  get containerId(): string | undefined {
    return this.#instance?.id;
  }

  verdicts(containerId: string): ContainerVerdicts {
    const isKnown = this.#instance?.id === containerId;
    const verdictOf = (type: ProbeType): Partial<ContainerVerdicts> => {
      const loop = this.#loops[type];
      return loop ? { [type]: isKnown ? loop.verdict : INITIAL_VERDICTS[type] } : {};
    };
    return { ...verdictOf('startup'), ...verdictOf('liveness'), ...verdictOf('readiness') };
  }

  /** Probes this instance from now on; the same one again goes on where it was. */
  follow(instance: ProbedInstance): void {
    if (this.#instance?.id === instance.id) {
      if (!this.#isRunning) for (const loop of Object.values(this.#loops)) loop.resume();
      this.#isRunning = true;
      return;
    }
    for (const loop of Object.values(this.#loops)) loop.reset();
    this.#instance = instance;
    this.#isRunning = true;
    this.#isEnding = false;
    const { startup } = this.#loops;
    if (!startup) return this.#open(instance.startedAtMs);
    const { before } = instance;
    const verdict = before?.isStarted ? 'success' : 'unknown';
    startup.begin({
      startedAtMs: instance.startedAtMs,
      openedAtMs: instance.startedAtMs,
      adopted: before && { verdict, spread: 0 },
    });
    if (before?.isStarted) this.#open(instance.startedAtMs);
  }

  /** The instance does not run; its verdicts stay. */
  rest(): void {
    this.#isRunning = false;
    for (const loop of Object.values(this.#loops)) loop.pause();
  }

  /** The pod ends: nothing is killed for its probes any more, readiness still tells who may send traffic. */
  end(): void {
    if (this.#isEnding || !this.#instance) return;
    this.#isEnding = true;
    this.#loops.startup?.settle();
    this.#loops.liveness?.settle();
    const { readiness } = this.#loops;
    if (readiness && !readiness.hasBegun) this.#begin(readiness, this.#instance, this.#instance.startedAtMs);
  }

  /** The startup probe has passed. */
  onStarted(nowMs: number): void {
    if (!this.#isEnding) this.#open(nowMs);
  }

  #open(openedAtMs: number): void {
    const { liveness, readiness } = this.#loops;
    if (!this.#instance) return;
    if (liveness) this.#begin(liveness, this.#instance, openedAtMs);
    if (readiness) this.#begin(readiness, this.#instance, openedAtMs);
  }

  #begin(loop: ProbeLoop, { startedAtMs, before }: ProbedInstance, openedAtMs: number): void {
    const isUnready = loop === this.#loops.readiness && !before?.isReady;
    // Who waits for becoming ready is looked at at once.
    const adopted = isUnready
      ? ({ verdict: 'failure', spread: 0 } as const)
      : ({ verdict: 'success', spread: this.#nextSpread() } as const);
    loop.begin({ startedAtMs, openedAtMs, adopted: before && adopted });
  }
}
