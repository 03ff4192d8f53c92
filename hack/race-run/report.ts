// The samples as lines: what is lost first, then what misses its goal, then the rest, then what did not run.
import type { ContestantName } from './contestant.ts';
import {
  FIGURE_NAMES,
  FIGURES,
  type Figure,
  type FigureName,
  type Goal,
  NODELET_CANNOT,
  type RowName,
  UNWRITTEN_ROWS,
} from './figures.ts';
import type { Samples, Statistics } from './samples.ts';

export type Verdict = 'lost' | 'missed' | 'won' | 'notRun';

export interface Line {
  readonly row: RowName;
  readonly title: string;
  readonly unit: string;
  readonly verdict: Verdict;
  readonly nodelet: Statistics | undefined;
  readonly kubelet: Statistics | undefined;
  readonly floor: Statistics | undefined;
  /** Of the medians, nodelet by kubelet. */
  readonly ratio: number | undefined;
  readonly goals: readonly { readonly text: string; readonly isReached: boolean }[];
  readonly reason: string | undefined;
}

const ORDER: readonly Verdict[] = ['lost', 'missed', 'won', 'notRun'];

export function buildLines(samples: Samples, rows: ReadonlySet<RowName>): readonly Line[] {
  const measured = FIGURE_NAMES.filter(name => rows.has(FIGURES[name].row)).map(name =>
    buildLine(samples, name),
  );
  const unwritten = [...rows].flatMap(row => {
    const reason = UNWRITTEN_ROWS[row];
    return reason === undefined ? [] : [emptyLine(row, reason)];
  });
  return [...measured, ...unwritten].sort(
    (a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict) || sortRatio(b) - sortRatio(a),
  );
}

function sortRatio({ ratio }: Line): number {
  return ratio ?? -1;
}

function emptyLine(row: RowName, reason: string): Line {
  const none = { nodelet: undefined, kubelet: undefined, floor: undefined, ratio: undefined, goals: [] };
  return { row, title: '', unit: '', verdict: 'notRun', reason, ...none };
}

function buildLine(samples: Samples, name: FigureName): Line {
  const figure: Figure = FIGURES[name];
  const of = (source: ContestantName | 'floor') => samples.statistics(name, source);
  const [nodelet, kubelet, floor] = [of('nodelet'), of('kubelet'), of('floor')];
  const ratio = nodelet && kubelet && kubelet.p50 > 0 ? nodelet.p50 / kubelet.p50 : undefined;
  const goals =
    nodelet === undefined ? [] : figure.goals.flatMap(goal => checkGoal(goal, nodelet, kubelet, floor));
  const { row, title, unit } = figure;
  const reason = nodelet === undefined ? (NODELET_CANNOT[row] ?? 'no valid sample') : undefined;
  return {
    row,
    title,
    unit,
    verdict: judge(nodelet, kubelet, goals),
    nodelet,
    kubelet,
    floor,
    ratio,
    goals,
    reason,
  };
}

function judge(
  nodelet: Statistics | undefined,
  kubelet: Statistics | undefined,
  goals: Line['goals'],
): Verdict {
  if (nodelet === undefined) return 'notRun';
  if (kubelet !== undefined && nodelet.p50 > kubelet.p50) return 'lost';
  return goals.every(({ isReached }) => isReached) ? 'won' : 'missed';
}

function checkGoal(
  { of, atMost, times }: Goal,
  nodelet: Statistics,
  kubelet: Statistics | undefined,
  floor: Statistics | undefined,
): Line['goals'] {
  if (times === 'value') return [{ text: `${of} <= ${atMost}`, isReached: nodelet[of] <= atMost }];
  const other = times === 'kubelet' ? kubelet : floor;
  if (other === undefined) return [];
  const ratio = nodelet[of] / other[of];
  const text = `${of} <= ${atMost}x ${times} (${ratio.toFixed(2)}x)`;
  return [{ text, isReached: ratio <= atMost }];
}

const HEADERS = [
  'verdict',
  'row',
  'figure',
  'unit',
  'kubelet p50',
  'p99',
  'nodelet p50',
  'p99',
  'floor p50',
  'ratio',
  'n',
  'goals',
];

/** A Markdown table that is also readable as it is. */
export function formatTable(lines: readonly Line[]): string {
  const cells = [HEADERS, ...lines.map(formatLine)];
  const widths = HEADERS.map((_, column) => Math.max(...cells.map(row => row[column]?.length ?? 0)));
  const join = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`;
  const [header = [], ...rest] = cells;
  return [join(header), rule, ...rest.map(join)].join('\n');
}

const VERDICTS: Readonly<Record<Verdict, string>> = {
  lost: 'LOST',
  missed: 'goal missed',
  won: 'won',
  notRun: 'not run',
};

function formatLine(line: Line): readonly string[] {
  const { nodelet, kubelet, floor, ratio } = line;
  const goals = line.goals.map(({ text, isReached }) => `${isReached ? '' : 'MISSED '}${text}`);
  return [
    VERDICTS[line.verdict],
    line.row,
    line.title,
    line.unit,
    formatNumber(kubelet?.p50),
    formatNumber(kubelet?.p99),
    formatNumber(nodelet?.p50),
    formatNumber(nodelet?.p99),
    formatNumber(floor?.p50),
    ratio === undefined ? '' : ratio.toFixed(2),
    [kubelet?.count ?? 0, nodelet?.count ?? 0].join('/'),
    line.reason ?? goals.join('; '),
  ];
}

function formatNumber(value: number | undefined): string {
  if (value === undefined) return '';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(value === Math.trunc(value) ? 0 : 2);
}
