import t from 'tap';
import { countPoints } from './count-points.ts';

const well = { hasEndedWell: true };
const badly = { hasEndedWell: false };

const PASSED = `TAP version 14
# Subtest: one
    # Subtest: inner
        ok 1 - a
        ok 2 - b
        1..2
    ok 1 - inner # time=1ms
    ok 2 - c
    1..2
ok 1 - one # time=2ms
ok 2 - d
1..2
`;

t.test('countPoints() counts leaves, not the summaries of subtests', t => {
  t.same(countPoints(PASSED, well), { passed: 4, failed: 0 });
  t.end();
});

t.test('countPoints() counts a failed point once, however deep', t => {
  const tap = PASSED.replace('ok 2 - b', 'not ok 2 - b\n          ---\n          ok 7\n          ...')
    .replace('ok 1 - inner', 'not ok 1 - inner')
    .replace('ok 1 - one', 'not ok 1 - one');
  t.same(countPoints(tap, badly), { passed: 3, failed: 1 });
  t.end();
});

t.test('countPoints() counts a subtest that fails by itself', t => {
  t.same(countPoints(PASSED.replace('ok 1 - one', 'not ok 1 - one'), badly), { passed: 4, failed: 1 });
  t.end();
});

t.test('countPoints() lets nothing be skipped', t => {
  t.same(countPoints(PASSED.replace('ok 2 - d', 'ok 2 - d # SKIP no root'), well), { passed: 3, failed: 1 });
  t.end();
});

t.test('countPoints() counts a file that crashed as failed', t => {
  t.same(countPoints('', badly), { passed: 0, failed: 1 });
  t.same(countPoints(PASSED, badly), { passed: 4, failed: 1 });
  t.end();
});
