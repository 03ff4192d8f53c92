import type { Log } from '../sandbox/step.ts';
import { firstErrorLine, type SpecResult, verdictOf } from './results.ts';
import { type Spec, UNKNOWN_SECONDS } from './specs.ts';

const REPORT_EVERY_MS = 15_000;

/** Tells how far a run has come: failures at once, the rest now and then. */
export class Progress {
  readonly results = new Map<string, SpecResult>();
  readonly #specs: readonly Spec[];
  readonly #expected: ReadonlyMap<string, SpecResult>;
  readonly #log: Log;
  readonly #procs: number;
  #reportedAtMs = performance.now();
  #failed = 0;

  /** `expected`: earlier results, for their durations. */
  constructor(
    specs: readonly Spec[],
    options: {
      readonly expected: ReadonlyMap<string, SpecResult>;
      readonly procs: number;
      readonly log: Log;
    },
  ) {
    this.#specs = specs;
    this.#expected = options.expected;
    this.#procs = options.procs;
    this.#log = options.log;
  }

  add(result: SpecResult): void {
    this.results.set(result.name, result);
    if (verdictOf(result) === 'failed') {
      this.#failed += 1;
      this.#log(`FAILED after ${result.seconds.toFixed(0)} s: ${result.name}\n    ${firstErrorLine(result)}`);
    }
    const nowMs = performance.now();
    if (nowMs - this.#reportedAtMs < REPORT_EVERY_MS && this.results.size !== this.#specs.length) return;
    this.#reportedAtMs = nowMs;
    const left = this.#estimateLeftSeconds();
    this.#log(
      `${this.results.size} / ${this.#specs.length}, ${this.#failed} failed, about ${formatDuration(left)} left`,
    );
  }

  /** Goes by how long what is left took before, and by how much longer or shorter than before the others took now. */
  #estimateLeftSeconds(): number {
    let expectedDone = 0;
    let actualDone = 0;
    let expectedLeft = 0;
    for (const { name } of this.#specs) {
      const expected = this.#expected.get(name)?.seconds ?? UNKNOWN_SECONDS;
      const actual = this.results.get(name)?.seconds;
      if (actual === undefined) expectedLeft += expected;
      else {
        expectedDone += expected;
        actualDone += actual;
      }
    }
    return (expectedLeft / this.#procs) * (actualDone / Math.max(expectedDone, 1));
  }
}

function formatDuration(seconds: number): string {
  return seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`;
}
