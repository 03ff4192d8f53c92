import t from 'tap';
import { refreshAtMs } from './pod-certificate-store.ts';

const HOUR_MS = 3_600_000;

t.test('refreshAtMs() lies between the wish of the signer and the end', async t => {
  const of = (beginRefreshAtMs: number, notAfterMs: number, random: number): number =>
    refreshAtMs({ key: '', chain: '', beginRefreshAtMs, notAfterMs }, random);
  t.equal(of(HOUR_MS, 3 * HOUR_MS, 0), HOUR_MS);
  t.equal(of(HOUR_MS, 3 * HOUR_MS, 1), HOUR_MS + 300_000, 'five minutes later at most');
  t.equal(of(HOUR_MS, HOUR_MS + 60_000, 1), HOUR_MS + 30_000, 'with time left before the end');
  t.equal(of(HOUR_MS, HOUR_MS - 1, 1), HOUR_MS, 'at once when it has ended');
});
