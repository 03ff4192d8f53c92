import t from 'tap';
import { isDue } from './due.ts';

t.test('isDue() waits for the time, but not through a clock that was set back', async t => {
  t.ok(isDue(1000, 1000));
  t.notOk(isDue(1001, 1000));
  t.notOk(isDue(301_000, 1000), 'the longest back-off');
  t.ok(isDue(3_601_000, 1000), 'noted an hour ahead: the clock went back');
});
