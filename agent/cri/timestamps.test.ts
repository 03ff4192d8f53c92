import t from 'tap';
import { nanosecondsToMs } from '../lib/nanoseconds.ts';
import { timestampToMs } from './timestamps.ts';

t.test('nanosecondsToMs() keeps every millisecond of a date and rounds down', async t => {
  t.equal(nanosecondsToMs('1795200000123999999'), 1_795_200_000_123);
  t.equal(nanosecondsToMs('0'), 0);
  t.equal(nanosecondsToMs('999999'), 0);
});

t.test('timestampToMs() adds whole milliseconds', async t => {
  t.equal(timestampToMs({ seconds: '1795200000', nanos: 123_999_999 }), 1_795_200_000_123);
});
