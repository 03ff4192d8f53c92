import { errorMessage } from '../../agent/lib/errors.ts';
import type { Log } from '../sandbox/step.ts';
import type { Arena } from './arena.ts';
import type { Contestant } from './contestant.ts';
import type { FigureName, RowName } from './figures.ts';
import type { Samples, Source } from './samples.ts';

export interface TurnOptions {
  readonly arena: Arena;
  readonly source: Source;
  readonly samples: Samples;
  readonly rows: ReadonlySet<RowName>;
  readonly podCount: number;
  readonly idleMs: number;
  readonly log: Log;
}

/** One contestant's, or the floor's, turn in one round. */
export class Turn {
  readonly arena: Arena;
  readonly source: Source;
  readonly podCount: number;
  readonly idleMs: number;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly #samples: Samples;
  readonly #rows: ReadonlySet<RowName>;

  constructor(options: TurnOptions) {
    this.arena = options.arena;
    this.source = options.source;
    this.podCount = options.podCount;
    this.idleMs = options.idleMs;
    this.signal = options.arena.signal;
    this.log = options.log;
    this.#samples = options.samples;
    this.#rows = options.rows;
  }

  has(...rows: readonly RowName[]): boolean {
    return rows.some(row => this.#rows.has(row));
  }

  add(figure: FigureName, value: number): void {
    this.#samples.add(figure, this.source, value);
  }

  /** Runs one measurement; what it throws is a sample that does not count, and is reported. */
  async attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.signal.throwIfAborted();
      const problem = `${this.source}: ${what}: ${errorMessage(error)}`;
      this.log(problem.slice(0, 2000));
      this.#samples.addProblem(problem);
    }
  }
}

export interface ContestantTurn {
  readonly turn: Turn;
  readonly contestant: Contestant;
}
