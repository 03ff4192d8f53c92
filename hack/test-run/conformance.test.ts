import t from 'tap';
import { parseReport } from './conformance.ts';

const REPORT = `             passed  failed  skipped  slowest
sig-node          3       1        -     24 s
  Pods            3       1        -     24 s
all               3       1        -     24 s

FAILED  [sig-node] Pods should be updated [NodeConformance] [Conformance]
        no such pod
        pods.go:12

NOT RUN [sig-node] Pods should be patched
`;

t.test('parseReport() counts what passed and names what did not', async t => {
  t.strictSame(parseReport(REPORT, 1), {
    passed: 3,
    failed: [
      '[sig-node] Pods should be updated [NodeConformance] [Conformance]',
      '[sig-node] Pods should be patched',
    ],
  });
});

t.test('parseReport() takes a suite that said nothing for a failure', async t => {
  t.strictSame(parseReport('', 1).failed, ['the suite did not run']);
});
