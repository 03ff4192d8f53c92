import t from 'tap';
import {
  findNetworkProblem,
  findRuntimeProblems,
  hungCallAfterMs,
  type RuntimeFacts,
} from './runtime-health.ts';

const OK = { status: true, reason: '', message: '' };
const HEALTHY: RuntimeFacts = {
  conditions: [
    { type: 'RuntimeReady', ...OK },
    { type: 'NetworkReady', ...OK },
  ],
  lostSinceMs: new Map(),
  failure: undefined,
  inFlight: [],
};
const NOW_MS = 1_000_000;
const OVERDUE_MS = 60_000;

function problems(change: Partial<RuntimeFacts>): readonly string[] {
  return findRuntimeProblems({ ...HEALTHY, ...change }, NOW_MS, OVERDUE_MS, uid =>
    uid === 'u1' ? 'default/web' : uid,
  );
}

t.test('findRuntimeProblems() is silent about a healthy runtime', async t => {
  t.strictSame(problems({}), []);
});

t.test('findRuntimeProblems() waits before the first answer', async t => {
  t.strictSame(problems({ conditions: undefined }), [
    'container runtime status check may not have completed yet',
  ]);
});

t.test('findRuntimeProblems() forgives the moment of a restart, not more', async t => {
  t.strictSame(problems({ failure: { sinceMs: NOW_MS - 800, cause: 'ECONNREFUSED' } }), []);
  t.strictSame(problems({ failure: { sinceMs: NOW_MS - 900, cause: 'ECONNREFUSED' } }), [
    'container runtime is down: ECONNREFUSED',
  ]);
});

t.test('findRuntimeProblems() repeats what the runtime says of its network', async t => {
  const conditions = [
    { type: 'RuntimeReady', ...OK },
    {
      type: 'NetworkReady',
      status: false,
      reason: 'NetworkPluginNotReady',
      message: 'cni plugin not initialized',
    },
  ];
  const text =
    'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized';
  t.strictSame(problems({ conditions }), [text]);
  t.equal(findNetworkProblem({ ...HEALTHY, conditions }), text);
  t.equal(findNetworkProblem(HEALTHY), undefined);
  t.equal(findNetworkProblem({ ...HEALTHY, conditions: undefined }), undefined);
});

t.test('findRuntimeProblems() forgives the moment in which a CNI configuration is replaced', async t => {
  const conditions = [
    { type: 'RuntimeReady', ...OK },
    { type: 'NetworkReady', status: false, reason: 'NetworkPluginNotReady', message: 'x' },
  ];
  const since = (ms: number) => new Map([['NetworkReady', NOW_MS - ms]]);
  t.strictSame(problems({ conditions, lostSinceMs: since(400) }), []);
  t.equal(problems({ conditions, lostSinceMs: since(500) }).length, 1);
});

t.test('hungCallAfterMs() is over before a call is given up', async t => {
  t.equal(hungCallAfterMs(120_000), OVERDUE_MS);
  t.equal(hungCallAfterMs(20_000), 10_000);
  t.equal(hungCallAfterMs(600_000), OVERDUE_MS, 'and never later than this');
});

t.test('findRuntimeProblems() names a hung call and its pod', async t => {
  const startedAtMs = NOW_MS - OVERDUE_MS - 1;
  t.strictSame(
    problems({
      inFlight: [
        { method: 'CreateContainer', subject: 'u1', startedAtMs, expectedMs: 0 },
        { method: 'PullImage', subject: 'big', startedAtMs, expectedMs: Infinity },
        { method: 'ListContainers', subject: '', startedAtMs, expectedMs: 0 },
        { method: 'StopContainer', subject: 'c', startedAtMs, expectedMs: 30_000 },
      ],
    }),
    [
      'container runtime call CreateContainer for default/web does not return',
      'container runtime call ListContainers does not return',
    ],
  );
});
