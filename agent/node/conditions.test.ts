import t from 'tap';
import { buildConditions, findConditionEvents, formatTime, joinProblems, NO_PRESSURE } from './conditions.ts';

const START_MS = Date.parse('2026-01-02T03:04:05.678Z');
const healthy = buildConditions([], { nowMs: START_MS, pressure: NO_PRESSURE, problems: [] });

t.test('buildConditions() speaks the words of the kubelet, Ready last', async t => {
  t.strictSame(
    healthy.map(({ type, status, reason, message }) => [type, status, reason, message]),
    [
      ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
      ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
      ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
      ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
    ],
  );
  t.equal(healthy[0]?.lastTransitionTime, '2026-01-02T03:04:05Z');
});

t.test('buildConditions() keeps lastTransitionTime while the status stays', async t => {
  const later = buildConditions(healthy, {
    nowMs: START_MS + 60_000,
    pressure: { ...NO_PRESSURE, disk: true },
    problems: [],
  });
  t.equal(later[0]?.lastTransitionTime, '2026-01-02T03:04:05Z');
  t.equal(later[0]?.lastHeartbeatTime, '2026-01-02T03:05:05Z');
  t.equal(later[1]?.status, 'True');
  t.equal(later[1]?.reason, 'KubeletHasDiskPressure');
  t.equal(later[1]?.lastTransitionTime, '2026-01-02T03:05:05Z');
});

t.test('buildConditions() replaces what the node lifecycle controller wrote', async t => {
  const unknown = healthy.map(condition => ({
    ...condition,
    status: 'Unknown' as const,
    lastTransitionTime: '2026-01-02T04:00:00Z',
  }));
  const now = buildConditions(unknown, { nowMs: START_MS + 1000, pressure: NO_PRESSURE, problems: [] });
  t.ok(now.every(({ lastTransitionTime }) => lastTransitionTime === '2026-01-02T03:04:06Z'));
});

t.test('buildConditions() names every problem once', async t => {
  const broken = buildConditions([], { nowMs: 0, pressure: NO_PRESSURE, problems: ['a', 'b', 'a'] });
  t.match(broken.at(-1), { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: '[a, b]' });
  t.equal(joinProblems(['only this']), 'only this');
});

t.test('findConditionEvents() tells what a new node and a changed node announce', async t => {
  t.strictSame(findConditionEvents([], healthy), [
    'NodeHasSufficientMemory',
    'NodeHasNoDiskPressure',
    'NodeHasSufficientPID',
    'NodeReady',
  ]);
  t.strictSame(findConditionEvents(healthy, healthy), []);
  const worse = buildConditions(healthy, {
    nowMs: START_MS,
    pressure: { ...NO_PRESSURE, memory: true },
    problems: ['runtime down'],
  });
  t.strictSame(findConditionEvents(healthy, worse), ['NodeHasInsufficientMemory', 'NodeNotReady']);
  t.notOk(findConditionEvents([], worse).includes('NodeNotReady'));
});

t.test('formatTime() has whole seconds', async t => {
  t.equal(formatTime(START_MS), '2026-01-02T03:04:05Z');
});
