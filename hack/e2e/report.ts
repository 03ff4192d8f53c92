// The tables hack/conformance ends with.
import { firstErrorLine, type SpecResult, type Verdict, verdictOf } from './results.ts';
import type { Spec } from './specs.ts';

interface Row extends Record<Verdict, number> {
  readonly title: string;
  slowest: SpecResult | undefined;
}

/** One line per SIG and feature, one per SIG, one for all; then what failed. */
export function formatReport(specs: readonly Spec[], results: ReadonlyMap<string, SpecResult>): string {
  const rows: Row[] = [];
  for (const [sig, ofSig] of groupSorted(specs, spec => spec.sig)) {
    rows.push(summarize(`sig-${sig}`, ofSig, results));
    for (const [group, ofGroup] of groupSorted(ofSig, spec => spec.group))
      rows.push(summarize(`  ${group}`, ofGroup, results));
  }
  rows.push(summarize('all', specs, results));
  return [formatTable(rows), ...formatFailures(specs, results)].join('\n');
}

/** What one passes and the other does not. */
export function formatComparison(
  kubelet: ReadonlyMap<string, SpecResult>,
  nodelet: ReadonlyMap<string, SpecResult>,
): string {
  const passed = [...kubelet.values()].filter(result => verdictOf(result) === 'passed');
  const lost = passed.flatMap(({ name }) => {
    const result = nodelet.get(name);
    if (result !== undefined && verdictOf(result) === 'passed') return [];
    return [`${name}\n    ${result === undefined ? 'not run yet' : firstErrorLine(result)}`];
  });
  const summary = `the kubelet passes ${passed.length}; nodelet does not pass ${lost.length} of them`;
  return [...lost.toSorted(), summary].join('\n');
}

function summarize(title: string, specs: readonly Spec[], results: ReadonlyMap<string, SpecResult>): Row {
  const row: Row = { title, passed: 0, failed: 0, skipped: 0, slowest: undefined };
  for (const { name } of specs) {
    const result = results.get(name);
    // A spec that was to run and has no result did not pass.
    row[result === undefined ? 'failed' : verdictOf(result)] += 1;
    if (result !== undefined && result.seconds > (row.slowest?.seconds ?? 0)) row.slowest = result;
  }
  return row;
}

function formatTable(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ title }) => title.length));
  const count = (value: number, columns: number) => (value === 0 ? '-' : String(value)).padStart(columns);
  const lines = rows.map(({ title, passed, failed, skipped, slowest }) => {
    const numbers = `${count(passed, 7)}${count(failed, 8)}${count(skipped, 9)}`;
    const time = slowest === undefined ? '' : `${slowest.seconds.toFixed(0)} s`;
    return `${title.padEnd(width)}${numbers}${time.padStart(9)}`;
  });
  return [`${''.padEnd(width)} passed  failed  skipped  slowest`, ...lines].join('\n');
}

function formatFailures(specs: readonly Spec[], results: ReadonlyMap<string, SpecResult>): string[] {
  return specs.flatMap(({ name }) => {
    const result = results.get(name);
    if (result === undefined) return [`\nNOT RUN ${name}`];
    if (verdictOf(result) !== 'failed') return [];
    return [
      `\nFAILED  ${name}\n        ${firstErrorLine(result)}\n        ${result.location ?? ''}`.trimEnd(),
    ];
  });
}

function groupSorted<T>(items: readonly T[], key: (item: T) => string): [string, T[]][] {
  return [...Map.groupBy(items, key)].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
