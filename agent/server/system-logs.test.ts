import t from 'tap';
import { readRange } from './system-logs.ts';

void t.test('readRange()', async t => {
  t.equal(readRange(undefined, 10), undefined);
  t.equal(readRange('bytes=-', 10), undefined);
  t.equal(readRange('bytes=0-1,4-5', 10), undefined, 'several: all of it is an allowed answer');
  t.strictSame(readRange('bytes=2-4', 10), { start: 2, end: 4 });
  t.strictSame(readRange('bytes=2-', 10), { start: 2, end: 9 });
  t.strictSame(readRange('bytes=-3', 10), { start: 7, end: 9 });
  t.strictSame(readRange('bytes=-30', 10), { start: 0, end: 9 });
  t.strictSame(readRange('bytes=5-99', 10), { start: 5, end: 9 });
  t.equal(readRange('bytes=10-', 10), 'unsatisfiable');
  t.equal(readRange('bytes=0-', 0), 'unsatisfiable');
});
