import type { ContestantName } from './contestant.ts';
import type { FigureName } from './figures.ts';

/** The floor is what the runtime alone takes for the same work, driven over CRI. */
export type Source = ContestantName | 'floor';

export interface Statistics {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly min: number;
  readonly max: number;
}

/** Everything measured, and everything that went wrong meanwhile. */
export class Samples {
  readonly #values = new Map<string, number[]>();
  readonly #problems: string[] = [];

  add(figure: FigureName, source: Source, value: number): void {
    const key = `${figure}/${source}`;
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, [value]);
    else values.push(value);
  }

  /** A figure whose check failed does not count; that it failed does. */
  addProblem(problem: string): void {
    this.#problems.push(problem);
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Every value in the order in which it was taken, by figure and source. */
  toJSON(): Record<string, readonly number[]> {
    return Object.fromEntries(this.#values);
  }

  values(figure: FigureName, source: Source): readonly number[] {
    return this.#values.get(`${figure}/${source}`) ?? [];
  }

  statistics(figure: FigureName, source: Source): Statistics | undefined {
    const values = this.values(figure, source).toSorted((a, b) => a - b);
    if (values.length === 0) return undefined;
    return {
      count: values.length,
      p50: percentile(values, 50),
      p99: percentile(values, 99),
      min: percentile(values, 0),
      max: percentile(values, 100),
    };
  }
}

/** Nearest rank of sorted values; the middle of the two for an even median. */
export function percentile(sorted: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  const value = sorted[rank - 1] ?? Number.NaN;
  if (percent !== 50 || sorted.length % 2 === 1) return value;
  return (value + (sorted[rank] ?? value)) / 2;
}
