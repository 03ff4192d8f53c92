import t from 'tap';
import { formatComparison, formatReport } from './report.ts';
import { firstErrorLine, parseResultLines, type SpecResult } from './results.ts';

const result = (name: string, state: string, seconds: number, message = ''): SpecResult => ({
  name,
  state,
  seconds,
  message,
});
const byName = (...results: readonly SpecResult[]) => new Map(results.map(result => [result.name, result]));

t.test('parseResultLines() leaves a line that is not whole yet', async t => {
  const line = JSON.stringify(result('a', 'passed', 1));
  const { results, rest } = parseResultLines(`${line}\n{"na`);
  t.same(results, [result('a', 'passed', 1)]);
  t.equal(rest, '{"na');
});

t.test('firstErrorLine() skips empty lines, and has a word for a failure without a message', async t => {
  t.equal(firstErrorLine(result('a', 'failed', 1, '\n  Timed out\nmore')), 'Timed out');
  t.equal(firstErrorLine(result('a', 'interrupted', 1)), 'interrupted');
});

t.test('formatReport() counts per SIG and feature; a spec without a result has failed', async t => {
  const spec = (sig: string, group: string, name: string) => ({ name, sig, group });
  const specs = [spec('node', 'pods', 'a'), spec('node', 'probe', 'b'), spec('apps', 'job', 'c')];
  const text = formatReport(
    specs,
    byName(result('a', 'passed', 3), result('b', 'timedout', 300, 'too late')),
  );
  t.equal(
    text,
    `         passed  failed  skipped  slowest
sig-apps      -       1        -         
  job         -       1        -         
sig-node      1       1        -    300 s
  pods        1       -        -      3 s
  probe       -       1        -    300 s
all           1       2        -    300 s

FAILED  b
        too late

NOT RUN c`,
  );
});

t.test('formatComparison() lists what only the kubelet passes', async t => {
  const kubelet = byName(result('a', 'passed', 1), result('b', 'passed', 1), result('c', 'failed', 1));
  const nodelet = byName(result('a', 'passed', 1), result('c', 'failed', 1));
  const expected = 'b\n    not run yet\nthe kubelet passes 2; nodelet does not pass 1 of them';
  t.equal(formatComparison(kubelet, nodelet), expected);
});
