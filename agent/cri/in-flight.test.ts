import t from 'tap';
import { findHungCalls, InFlightCalls } from './in-flight.ts';

t.test('InFlightCalls lists what has begun and not ended', async t => {
  const calls = new InFlightCalls();
  const end = calls.begin('RunPodSandbox', 'uid-1', 0);
  t.match(calls.list(), [{ method: 'RunPodSandbox', subject: 'uid-1', expectedMs: 0 }]);
  end();
  t.same(calls.list(), []);
});

t.test('findHungCalls() counts from the end of what is expected, oldest first', async t => {
  const call = (method: string, startedAtMs: number, expectedMs: number) => ({
    method,
    subject: 'x',
    startedAtMs,
    expectedMs,
  });
  const calls = [
    call('StopContainer', 0, 30_000),
    call('CreateContainer', 20_000, 0),
    call('RunPodSandbox', 10_000, 0),
    call('PullImage', 0, Infinity),
    call('StartContainer', 59_000, 0),
  ];
  const hung = findHungCalls(calls, { nowMs: 60_000, overdueMs: 30_000 });
  t.strictSame(
    hung.map(({ method }) => method),
    ['RunPodSandbox', 'CreateContainer'],
  );
});
