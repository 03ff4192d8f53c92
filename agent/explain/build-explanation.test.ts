import t from 'tap';
import { EMPTY_MEMORY } from '../pod/memory.ts';
import type { ObservedContainer, ObservedPod } from '../runtime/observed-pod.ts';
import { buildExplanation } from './build-explanation.ts';
import { formatExplanation } from './format-explanation.ts';
import type { ExplainInput } from './judged-step.ts';

const NOW_MS = Date.UTC(2026, 0, 1, 12, 0, 10);
const START = '2026-01-01T12:00:00Z';

function instance(more: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: 'c1',
    sandboxId: 's1',
    name: 'app',
    attempt: 0,
    state: 'running',
    createdAtMs: NOW_MS - 8000,
    startedAtMs: NOW_MS - 8000,
    finishedAtMs: undefined,
    exitCode: 0,
    reason: '',
    message: '',
    hash: '',
    restartCount: 0,
    image: 'web:1',
    imageRef: '',
    logPath: '',
    terminationGracePeriodSeconds: undefined,
    terminationMessagePolicy: '',
    terminationMessageHostPath: undefined,
    ...more,
  } as ObservedContainer; // fields that others add have no part in an explanation
}

function observed(...containers: readonly ObservedContainer[]): ObservedPod {
  const sandbox = {
    id: 's1',
    attempt: 0,
    isReady: true,
    createdAtMs: NOW_MS - 9000,
    podIPs: ['10.0.0.5'],
    isHostNetwork: false,
    runtimeHandler: '',
  };
  return { podUID: 'uid', name: 'web', namespace: 'shop', isStatic: false, sandboxes: [sandbox], containers };
}

/** A pod that runs and is ready. */
const HEALTHY: ExplainInput = {
  pod: {
    metadata: { name: 'web', namespace: 'shop', uid: 'uid', creationTimestamp: START },
    spec: { nodeName: 'node-1', containers: [{ name: 'app', image: 'web:1' }] },
    status: {
      phase: 'Running',
      startTime: START,
      conditions: [
        { type: 'PodScheduled', status: 'True', lastTransitionTime: START },
        { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T12:00:03Z' },
      ],
    },
  },
  observed: observed(instance()),
  lifecycle: 'syncing',
  memory: { ...EMPTY_MEMORY, volumes: new Map() },
  warnings: [],
  nodeProblems: [],
  nowMs: NOW_MS,
};

void t.test(
  'buildExplanation() finds nothing in the way of a healthy pod, and tells what took how long',
  async t => {
    const { steps, blocker, phase } = buildExplanation(HEALTHY);
    t.equal(blocker, undefined);
    t.equal(phase, 'Running');
    t.same(
      steps.map(({ name, state, tookMs }) => [name, state, tookMs]),
      [
        ['scheduled', 'done', undefined],
        ['admitted', 'done', 0],
        ['volumes', 'done', undefined],
        ['sandbox', 'done', 1000],
        ['container app', 'done', 1000],
        ['ready', 'done', 1000],
      ],
    );
  },
);

const failure = { failures: 3, retryAtMs: NOW_MS + 4000 };
const cases: readonly (readonly [what: string, change: Partial<ExplainInput>, expected: object])[] = [
  [
    'volumes come before the sandbox that fails as well',
    {
      observed: undefined,
      memory: {
        ...EMPTY_MEMORY,
        stepFailures: new Map([
          ['sandbox', { message: 'no network', ...failure }],
          ['volumes', { message: 'secret "a" not found', ...failure }],
        ]),
      },
    },
    { step: 'volumes', reason: 'FailedMount', message: 'secret "a" not found', attempts: 3 },
  ],
  [
    'a node that is not ready holds up a pod without a sandbox',
    { observed: undefined, nodeProblems: ['container runtime is down'] },
    { step: 'sandbox', reason: 'NodeNotReady', message: 'container runtime is down' },
  ],
  [
    'the error of the pull is behind the back-off',
    {
      observed: observed(),
      memory: {
        ...HEALTHY.memory,
        startFailures: new Map([['app', { reason: 'ImagePullBackOff', message: 'Back-off', ...failure }]]),
      },
      warnings: [
        {
          reason: 'Failed',
          message: 'Failed to pull image "web:1": not found',
          fieldPath: 'spec.containers{app}',
          firstAtMs: 0,
          lastAtMs: NOW_MS,
          count: 1,
        },
      ],
    },
    {
      step: 'container app',
      reason: 'ImagePullBackOff',
      message: 'Failed to pull image "web:1": not found',
      nextTryAtMs: NOW_MS + 4000,
    },
  ],
  [
    'an end is told with its code and reason, and the next try follows the back-off',
    {
      observed: observed(
        instance({
          state: 'exited',
          exitCode: 137,
          reason: 'OOMKilled',
          finishedAtMs: NOW_MS - 1000,
          restartCount: 2,
        }),
      ),
      memory: {
        ...HEALTHY.memory,
        crashBackoffs: new Map([['app', { delayMs: 20_000, advancedAtMs: NOW_MS - 2000 }]]),
      },
    },
    {
      step: 'container app',
      reason: 'CrashLoopBackOff',
      message: 'container app ended with exit code 137 (OOMKilled)',
      attempts: 3,
      nextTryAtMs: NOW_MS + 19_000,
    },
  ],
  [
    'a refusal is the end of the chain',
    {
      observed: undefined,
      memory: { ...EMPTY_MEMORY, verdict: { reason: 'OutOfcpu', message: 'no cpu', isRejection: true } },
    },
    { step: 'admitted', reason: 'OutOfcpu', message: 'no cpu' },
  ],
];

for (const [what, change, expected] of cases) {
  void t.test(`buildExplanation(): ${what}`, async t => {
    const explanation = buildExplanation({ ...HEALTHY, ...change });
    t.match(explanation.blocker, expected);
    t.match(formatExplanation(explanation, NOW_MS), explanation.blocker?.message ?? 'a message');
  });
}

void t.test('buildExplanation() is the same for the same state', async t => {
  t.same(buildExplanation(HEALTHY), buildExplanation(HEALTHY));
});
