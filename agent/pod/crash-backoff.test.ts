import t from 'tap';
import { advanceBackoff, type CrashBackoff, deriveBackoffs, remainingBackoffMs } from './crash-backoff.ts';

t.test('a container that crashes at once waits 0, 10, 20, 40, 80, 160, 300, 300 seconds', async t => {
  let backoff: CrashBackoff | undefined;
  let nowMs = 0;
  const waits: number[] = [];
  for (let crash = 0; crash < 8; crash += 1) {
    const waitMs = remainingBackoffMs(backoff, nowMs, nowMs);
    waits.push(waitMs / 1000);
    const finishedAtMs = nowMs;
    nowMs += waitMs;
    backoff = advanceBackoff(backoff, finishedAtMs, nowMs, 300_000);
  }
  t.strictSame(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
});

t.test('ten good minutes forget the past', async t => {
  const backoff = { delayMs: 300_000, advancedAtMs: 0 };
  t.equal(remainingBackoffMs(backoff, 600_001, 600_001), 0);
  t.equal(advanceBackoff(backoff, 600_001, 600_001, 300_000).delayMs, 10_000);
});

t.test('deriveBackoffs() finds the curve by the newest instance', async t => {
  const instance = (name: string, restartCount: number) => ({ name, restartCount, createdAtMs: 1000 });
  const found = deriveBackoffs(
    [
      instance('often', 9),
      instance('often', 1),
      instance('twice', 2),
      instance('once', 1),
      instance('new', 0),
    ],
    300_000,
  );
  t.same(
    [...found].map(([name, { delayMs }]) => [name, delayMs]),
    [
      ['often', 300_000],
      ['twice', 20_000],
      ['once', 10_000],
    ],
  );
  t.equal(found.get('once')?.advancedAtMs, 1000, 'forgotten after a long run');
});
