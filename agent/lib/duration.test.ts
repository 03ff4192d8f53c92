import t from 'tap';
import { formatDuration, parseDuration } from './duration.ts';

t.test('parseDuration() reads what Go writes', async t => {
  t.equal(parseDuration('1m30s'), 90_000);
  t.equal(parseDuration('1.5h'), 5_400_000);
  t.equal(parseDuration('0'), 0);
  t.equal(parseDuration('-2s'), -2000);
  t.equal(parseDuration('10'), undefined);
  t.equal(parseDuration(''), undefined);
});

t.test('formatDuration() writes what Go prints', async t => {
  for (const text of ['10s', '20s', '1m20s', '2m40s', '5m0s', '250ms', '1.5s', '0s', '1h0m0s']) {
    t.equal(formatDuration(parseDuration(text) ?? Number.NaN), text);
  }
});
