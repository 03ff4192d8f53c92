import t from 'tap';
import type { Container, Pod, ResourceRequirements } from '../api/objects.ts';
import type { PodResourceInfo } from '../resources/resource-checkpoint.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '../runtime/observed-pod.ts';
import { EMPTY_MEMORY, type PodMemory } from './memory.ts';
import { planPod } from './plan.ts';
import type { PlanInput, PodAction } from './pod-plan.ts';
import { runningContainer } from './running-container.fixture.ts';

const NOW_MS = 1_000_000;
const web: Container = { name: 'web', image: 'web:1' };
const log: Container = { name: 'log', image: 'log:1' };

function makePod(changes: Partial<Pod['spec']> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'p', namespace: 'n', uid: 'u', ...metadata },
    spec: { containers: [web, log], restartPolicy: 'Always', ...changes },
  };
}

function makeSandbox(changes: Partial<ObservedSandbox> = {}): ObservedSandbox {
  return {
    id: 's0',
    attempt: 0,
    isReady: true,
    createdAtMs: 1,
    podIPs: ['10.0.0.2'],
    isHostNetwork: false,
    runtimeHandler: '',
    ...changes,
  };
}

function makeObserved(
  sandboxes: readonly ObservedSandbox[],
  containers: readonly ObservedContainer[],
): ObservedPod {
  return { podUID: 'u', namespace: 'n', name: 'p', isStatic: false, sandboxes, containers };
}

const ready: PodMemory = { ...EMPTY_MEMORY, volumes: new Map() };
const healthy = makeObserved([makeSandbox()], [runningContainer(log), runningContainer(web)]);
const base: PlanInput = {
  lifecycle: 'syncing',
  desired: { pod: makePod(), source: 'api' },
  observed: healthy,
  memory: ready,
  verdicts: new Map(),
  nowMs: NOW_MS,
};

function kinds(actions: readonly PodAction[]): string[] {
  return actions.map(action =>
    'containerName' in action ? `${action.kind} ${action.containerName}` : action.kind,
  );
}

function exited(container: Container, changes: Partial<ObservedContainer> = {}): ObservedContainer {
  return runningContainer(container, {
    state: 'exited',
    exitCode: 1,
    finishedAtMs: NOW_MS - 1000,
    ...changes,
  });
}

const RESTART_FOR_CPU = { resourceName: 'cpu', restartPolicy: 'RestartContainer' };

function allocated(name: string, resources: ResourceRequirements): PodResourceInfo {
  return { containers: new Map([[name, resources]]), pod: undefined };
}

interface Row {
  readonly name: string;
  readonly change: Partial<PlanInput>;
  readonly expect: readonly string[];
}

const rows: readonly Row[] = [
  {
    name: 'resizes a pod that was given other resources',
    change: { memory: { ...ready, actuated: allocated('web', { requests: { cpu: '1' } }) } },
    expect: ['resizePod'],
  },
  {
    name: 'stops a container whose resize asks for a new instance',
    change: {
      desired: {
        pod: makePod({ containers: [{ ...web, resizePolicy: [RESTART_FOR_CPU] }, log] }),
        source: 'api',
      },
      memory: { ...ready, actuated: allocated('web', { requests: { cpu: '1' } }) },
    },
    expect: ['stopContainer web'],
  },
  {
    name: 'does nothing when the resources are those of the last start',
    change: { memory: { ...ready, actuated: allocated('web', {}) } },
    expect: [],
  },
  {
    name: 'waits after a resize that failed',
    change: {
      memory: {
        ...ready,
        actuated: allocated('web', { requests: { cpu: '1' } }),
        stepFailures: new Map([['resize', { message: 'm', retryAtMs: NOW_MS + 1000, failures: 1 }]]),
      },
    },
    expect: [],
  },
  { name: 'does nothing for a pod that runs', change: {}, expect: [] },
  {
    name: 'makes sandbox, volumes and images together for a new pod',
    change: { observed: makeObserved([], []), memory: EMPTY_MEMORY },
    expect: ['createSandbox', 'prepareVolumes', 'prepareImage web', 'prepareImage log'],
  },
  {
    name: 'starts no container before the volumes are ready',
    change: { observed: makeObserved([makeSandbox()], []), memory: EMPTY_MEMORY },
    expect: ['prepareVolumes'],
  },
  {
    name: 'starts the first container alone: the next one comes after it',
    change: { observed: makeObserved([makeSandbox()], []) },
    expect: ['startContainer web'],
  },
  {
    name: 'removes a container whose start was broken off, also of a pod that never restarts',
    change: {
      desired: { pod: makePod({ restartPolicy: 'Never' }), source: 'api' },
      observed: makeObserved([makeSandbox()], [runningContainer(web, { state: 'startAborted' })]),
    },
    expect: ['removeContainer web'],
  },
  {
    name: 'starts the second container once the first runs',
    change: { observed: makeObserved([makeSandbox()], [runningContainer(web)]) },
    expect: ['startContainer log'],
  },
  {
    name: 'starts the second container although the first waits after a failure',
    change: {
      observed: makeObserved([makeSandbox()], []),
      memory: {
        ...ready,
        startFailures: new Map([
          ['web', { reason: 'ErrImagePull', message: '', retryAtMs: NOW_MS + 1, failures: 1 }],
        ]),
      },
    },
    expect: ['startContainer log'],
  },
  {
    name: 'restarts a container that crashed for the first time at once',
    change: { observed: makeObserved([makeSandbox()], [runningContainer(log), exited(web)]) },
    expect: ['startContainer web'],
  },
  {
    name: 'waits for the crash back-off',
    change: {
      observed: makeObserved([makeSandbox()], [runningContainer(log), exited(web)]),
      memory: {
        ...ready,
        crashBackoffs: new Map([['web', { delayMs: 10_000, advancedAtMs: NOW_MS - 1000 }]]),
      },
    },
    expect: [],
  },
  {
    name: 'leaves a container alone that ended well under OnFailure',
    change: {
      desired: { pod: makePod({ restartPolicy: 'OnFailure' }), source: 'api' },
      observed: makeObserved([makeSandbox()], [runningContainer(log), exited(web, { exitCode: 0 })]),
    },
    expect: [],
  },
  {
    name: 'starts a created container instead of making a second one',
    change: {
      observed: makeObserved(
        [makeSandbox()],
        [runningContainer(log), runningContainer(web, { state: 'created' })],
      ),
    },
    expect: ['startContainer web'],
  },
  {
    name: 'replaces a running container whose image changed, whatever the policy',
    change: {
      desired: {
        pod: makePod({ restartPolicy: 'Never', containers: [{ ...web, image: 'web:2' }, log] }),
        source: 'api',
      },
    },
    expect: ['stopContainer web'],
  },
  {
    name: 'stops a container in unknown state before anything else',
    change: {
      observed: makeObserved(
        [makeSandbox()],
        [runningContainer(log), runningContainer(web, { state: 'unknown' })],
      ),
    },
    expect: ['stopContainer web'],
  },
  {
    name: 'stops what still runs in a dead sandbox',
    change: { observed: makeObserved([makeSandbox({ isReady: false })], [runningContainer(web)]) },
    expect: ['stopContainer web'],
  },
  {
    name: 'replaces a dead sandbox by the next attempt',
    change: {
      observed: makeObserved([makeSandbox({ isReady: false })], [exited(log), exited(web)]),
      memory: EMPTY_MEMORY,
    },
    expect: ['createSandbox', 'prepareVolumes', 'prepareImage web', 'prepareImage log'],
  },
  {
    name: 'stops the sandboxes when there are two ready ones',
    change: { observed: makeObserved([makeSandbox({ id: 's1', attempt: 1 }), makeSandbox()], []) },
    expect: ['stopSandbox', 'stopSandbox'],
  },
  {
    name: 'replaces a sandbox that has no address',
    change: { observed: makeObserved([makeSandbox({ podIPs: [] })], []) },
    expect: ['stopSandbox'],
  },
  {
    name: 'keeps one dead instance per container and removes older ones',
    change: {
      observed: makeObserved(
        [makeSandbox()],
        [
          runningContainer(log),
          runningContainer(web, { id: 'w2' }),
          exited(web, { id: 'w1' }),
          exited(web, { id: 'w0' }),
        ],
      ),
    },
    expect: ['removeContainer web'],
  },
  {
    name: 'waits after a sandbox that failed a moment ago',
    change: {
      observed: makeObserved([], []),
      memory: {
        ...ready,
        stepFailures: new Map([['sandbox', { message: '', retryAtMs: NOW_MS + 1, failures: 1 }]]),
      },
    },
    expect: ['prepareImage web', 'prepareImage log'],
  },
  {
    name: 'stops all containers of a terminating pod together',
    change: { lifecycle: 'terminating', memory: { ...ready, termination: { gracePeriodSeconds: 5 } } },
    expect: ['stopContainer log', 'stopContainer web'],
  },
  {
    name: 'stops the sandbox after the last container',
    change: { lifecycle: 'terminating', observed: makeObserved([makeSandbox()], [exited(log), exited(web)]) },
    expect: ['stopSandbox', 'removeVolumes'],
  },
  {
    name: 'waits for nothing but the sandbox once the volumes are gone',
    change: {
      lifecycle: 'terminating',
      observed: makeObserved([makeSandbox()], [exited(log), exited(web)]),
      memory: { ...EMPTY_MEMORY, areVolumesGone: true },
    },
    expect: ['stopSandbox'],
  },
  {
    name: 'tears down a terminated pod',
    change: {
      lifecycle: 'terminated',
      observed: makeObserved([makeSandbox({ isReady: false })], [exited(web)]),
    },
    expect: ['tearDown'],
  },
  {
    name: 'keeps containers and logs of a finished pod while its object is there',
    change: {
      lifecycle: 'terminated',
      observed: makeObserved([makeSandbox({ isReady: false })], [exited(web)]),
      memory: { ...EMPTY_MEMORY, isTornDown: true },
    },
    expect: [],
  },
  {
    name: 'removes everything of a terminated pod whose object is gone',
    change: {
      lifecycle: 'terminated',
      desired: undefined,
      observed: makeObserved([makeSandbox({ isReady: false })], [exited(web)]),
      memory: { ...EMPTY_MEMORY, isTornDown: true },
    },
    expect: ['removePod'],
  },
];

const init: Container = { name: 'init', image: 'init:1' };
const proxy: Container = { name: 'proxy', image: 'proxy:1', restartPolicy: 'Always' };

function withInit(changes: Partial<Pod['spec']> = {}): PlanInput['desired'] {
  return { pod: makePod({ initContainers: [init, proxy], ...changes }), source: 'api' };
}

function initRow(
  name: string,
  containers: readonly ObservedContainer[],
  expect: readonly string[],
  more: Partial<PlanInput> = {},
): Row {
  return {
    name,
    change: { desired: withInit(), observed: makeObserved([makeSandbox()], containers), ...more },
    expect,
  };
}

const done = exited(init, { exitCode: 0 });
const initRows: readonly Row[] = [
  {
    name: 'pulls only the first init container beside the sandbox',
    change: { desired: withInit(), observed: makeObserved([], []) },
    expect: ['createSandbox', 'prepareImage init'],
  },
  initRow('starts the first init container alone', [], ['startContainer init']),
  initRow('starts nothing while an init container runs', [runningContainer(init)], []),
  initRow('starts the sidecar after the init container has done its work', [done], ['startContainer proxy']),
  initRow(
    'starts regular containers as soon as the sidecar runs',
    [runningContainer(proxy), done],
    ['startContainer web'],
  ),
  initRow('restarts a failed init container', [exited(init)], ['startContainer init']),
  initRow(
    'runs an init container again that was killed for memory with exit code 0',
    [exited(init, { exitCode: 0, reason: 'OOMKilled' })],
    ['startContainer init'],
  ),
  initRow(
    'restarts a sidecar that ended, whatever its exit code',
    [runningContainer(log), runningContainer(web), exited(proxy, { exitCode: 0 }), done],
    ['startContainer proxy'],
  ),
  initRow(
    'never runs init containers again once the pod was initialised',
    [runningContainer(log), runningContainer(web), runningContainer(proxy)],
    [],
  ),
  initRow(
    'starts from the first init container again in a new sandbox',
    [exited(web), exited(proxy), done].map(c => ({ ...c, sandboxId: 'old' })),
    ['startContainer init'],
  ),
  initRow('waits for the startup probe of a sidecar', [runningContainer(proxy), done], [], {
    desired: withInit({ initContainers: [init, { ...proxy, startupProbe: {} }] }),
  }),
  initRow(
    'goes on when the startup probe of the sidecar has succeeded',
    [runningContainer(proxy), done],
    ['startContainer web'],
    {
      desired: withInit({ initContainers: [init, { ...proxy, startupProbe: {} }] }),
      verdicts: new Map([['proxy-0', { startup: 'success' }]]),
    },
  ),
  {
    name: 'stops a container whose liveness probe failed',
    change: {
      desired: { pod: makePod({ containers: [{ ...web, livenessProbe: {} }, log] }), source: 'api' },
      verdicts: new Map([['web-0', { liveness: 'failure' }]]),
    },
    expect: ['stopContainer web'],
  },
  {
    name: 'restarts what it stopped for its probe although OnFailure and exit code 0',
    change: {
      desired: { pod: makePod({ restartPolicy: 'OnFailure' }), source: 'api' },
      observed: makeObserved([makeSandbox()], [runningContainer(log), exited(web, { exitCode: 0 })]),
      memory: { ...ready, stoppedForRestart: new Set(['web-0']) },
    },
    expect: ['startContainer web'],
  },
  {
    name: 'starts an ephemeral container once and never again',
    change: {
      desired: { pod: makePod({ ephemeralContainers: [{ name: 'debug', image: 'd:1' }] }), source: 'api' },
    },
    expect: ['startContainer debug'],
  },
];

t.test('planPod() stops sidecars after everybody else, in reverse', async t => {
  const second = { ...proxy, name: 'second' };
  const plan = planPod({
    ...base,
    lifecycle: 'terminating',
    desired: withInit({ initContainers: [init, proxy, second] }),
    observed: makeObserved(
      [makeSandbox()],
      [runningContainer(web), runningContainer(second), runningContainer(proxy)],
    ),
  });
  const orders = plan.actions.map(a => (a.kind === 'stopContainer' ? [a.containerName, a.order] : []));
  t.strictSame(orders, [
    ['web', 0],
    ['second', 1],
    ['proxy', 2],
  ]);
});

t.test('planPod() gives up a pod whose init container failed under Never', async t => {
  const desired = withInit({ restartPolicy: 'Never' });
  t.ok(planPod({ ...base, desired, observed: makeObserved([makeSandbox()], [exited(init)]) }).isComplete);
});

t.test('planPod() does not let a sidecar keep a finished pod alive', async t => {
  const ended = [exited(log, { exitCode: 0 }), exited(web, { exitCode: 0 }), runningContainer(proxy), done];
  const desired = withInit({ restartPolicy: 'OnFailure' });
  t.ok(planPod({ ...base, desired, observed: makeObserved([makeSandbox()], ended) }).isComplete);
});

t.test('planPod() gives a probe its own grace', async t => {
  const slow = { ...web, livenessProbe: { terminationGracePeriodSeconds: 77 } };
  const plan = planPod({
    ...base,
    desired: { pod: makePod({ containers: [slow, log] }), source: 'api' },
    verdicts: new Map([['web-0', { liveness: 'failure' }]]),
  });
  t.match(plan.actions, [
    {
      gracePeriodSeconds: 77,
      message: 'Container web failed liveness probe, will be restarted',
      isForRestart: true,
    },
  ]);
});

t.test('planPod() ends a pod whose last container is stopped for its probe under Never', async t => {
  const failing = { ...web, livenessProbe: {} };
  const input = { ...base, verdicts: new Map([['web-0', { liveness: 'failure' as const }]]) };
  const alone = makePod({ containers: [failing], restartPolicy: 'Never' });
  const observed = makeObserved([makeSandbox()], [runningContainer(web)]);
  const plan = planPod({ ...input, desired: { pod: alone, source: 'api' }, observed });
  t.match(plan, { isComplete: true, actions: [] });
  const beside = makePod({ containers: [failing, log], restartPolicy: 'Never' });
  t.match(planPod({ ...input, desired: { pod: beside, source: 'api' } }).actions, [
    { kind: 'stopContainer', message: 'Container web failed liveness probe', isForRestart: false },
  ]);
});

t.test('planPod() starts a container again when a rule of its own says so', async t => {
  const restartPolicyRules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
  const ruled = { ...web, restartPolicy: 'Never', restartPolicyRules };
  const desired = { pod: makePod({ containers: [ruled], restartPolicy: 'Never' }), source: 'api' } as const;
  const after = (exitCode: number) =>
    planPod({ ...base, desired, observed: makeObserved([makeSandbox()], [exited(web, { exitCode })]) });
  t.strictSame(kinds(after(42).actions), ['startContainer web']);
  t.ok(after(1).isComplete);
});

t.test('planPod() lets a whole pod start over in its sandbox when a rule says so', async t => {
  const restartPolicyRules = [
    { action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } },
  ];
  const source = { ...web, restartPolicy: 'Never', restartPolicyRules };
  const init: Container = { name: 'init', image: 'init:1' };
  const pod = makePod({ initContainers: [init], containers: [source, log], restartPolicy: 'Never' });
  const desired = { pod, source: 'api' } as const;
  const end = exited(web, { exitCode: 42, id: 'web-1' });
  const plan = (containers: readonly ObservedContainer[], memory = ready) =>
    planPod({ ...base, desired, memory, observed: makeObserved([makeSandbox()], containers) });
  const others = [runningContainer(log), exited(web), exited(init, { exitCode: 0 })];
  t.match(plan([end, ...others]).actions, [
    { kind: 'stopContainer', containerName: 'log', gracePeriodSeconds: 0, isForRestart: true },
  ]);
  const stopped = [exited(log, { exitCode: 137 }), exited(web), exited(init, { exitCode: 0 })];
  t.match(
    plan([end, ...stopped]).actions.map(action => 'containerId' in action && action.containerId),
    ['log-0', 'web-0', 'init-0'],
    'all but the one that asked for it',
  );
  const removal = { kind: 'removeContainer', containerId: 'web-1', restartAll: 'source' };
  t.match(plan([end]).actions, [removal]);
  t.strictSame(kinds(plan([]).actions), ['startContainer init'], 'as a new pod');

  const crashBackoffs = new Map([['web', { delayMs: 10_000, advancedAtMs: NOW_MS - 2000 }]]);
  const held = plan([end], { ...ready, crashBackoffs });
  t.match(held, { actions: [], isComplete: false });
  t.ok((held.recheckAtMs ?? 0) > NOW_MS && held.waiting.has('web'), 'not in a storm');
});

for (const { name, change, expect } of [...rows, ...initRows]) {
  t.test(`planPod() ${name}`, async t => {
    const input = { ...base, ...change };
    t.strictSame(kinds(planPod(input).actions), expect);
    t.strictSame(planPod(input), planPod(input), 'the same input gives the same plan');
  });
}

t.test('planPod() names the back-off as the kubelet does and comes back when it ends', async t => {
  const plan = planPod({
    ...base,
    observed: makeObserved([makeSandbox()], [runningContainer(log), exited(web)]),
    memory: { ...ready, crashBackoffs: new Map([['web', { delayMs: 80_000, advancedAtMs: NOW_MS - 1000 }]]) },
  });
  t.strictSame(plan.waiting.get('web'), {
    reason: 'CrashLoopBackOff',
    message: 'back-off 1m20s restarting failed container=web pod=p_n(u)',
  });
  t.equal(plan.recheckAtMs, NOW_MS - 1000 + 80_000);
});

t.test('planPod() counts restarts from the newest instance', async t => {
  const observed = makeObserved(
    [makeSandbox()],
    [runningContainer(log), exited(web, { attempt: 4, restartCount: 4 })],
  );
  t.match(planPod({ ...base, observed }).actions, [
    { kind: 'startContainer', attempt: 5, createdId: undefined },
  ]);
});

t.test('planPod() gives a new sandbox the next attempt and names the old one', async t => {
  const observed = makeObserved([makeSandbox({ id: 's3', attempt: 3, isReady: false })], []);
  t.match(planPod({ ...base, observed }).actions[0], { kind: 'createSandbox', attempt: 4, replaces: 's3' });
});

t.test('planPod() sees a pod as complete when nothing is to run again', async t => {
  const done = [exited(log, { exitCode: 0 }), exited(web, { exitCode: 3 })];
  const never = { pod: makePod({ restartPolicy: 'Never' }), source: 'api' } as const;
  t.ok(planPod({ ...base, desired: never, observed: makeObserved([makeSandbox()], done) }).isComplete);
  const isDead = makeObserved([makeSandbox({ isReady: false })], done);
  t.ok(planPod({ ...base, desired: never, observed: isDead }).isComplete, 'also when its sandbox is gone');
  t.notOk(planPod({ ...base, observed: makeObserved([makeSandbox()], done) }).isComplete, 'not with Always');
});

t.test('carrying out plans against a model converges from any state to a pod that runs', async t => {
  const states = ['created', 'running', 'exited', 'unknown'] as const;
  for (const webState of [undefined, ...states]) {
    for (const logState of [undefined, ...states]) {
      for (const isReady of [true, false, undefined]) {
        const sandboxes = isReady === undefined ? [] : [makeSandbox({ isReady })];
        const containers = [
          ...(webState ? [runningContainer(web, { state: webState, finishedAtMs: 0, exitCode: 1 })] : []),
          ...(logState ? [runningContainer(log, { state: logState, finishedAtMs: 0, exitCode: 1 })] : []),
        ];
        if (isReady === undefined && containers.length > 0) continue; // no containers without a sandbox
        const end = converge({
          ...base,
          memory: EMPTY_MEMORY,
          observed: makeObserved(sandboxes, containers),
        });
        t.ok(end, `web ${webState}, log ${logState}, sandbox ready ${isReady}`);
      }
    }
  }
});

/** Applies plans to a model of the runtime until nothing is left to do; true when both containers run in one sandbox. */
function converge(start: PlanInput): boolean {
  let input = start;
  for (let pass = 0; pass < 20; pass += 1) {
    const { actions } = planPod(input);
    if (actions.length === 0) {
      const running = input.observed.containers.filter(({ state }) => state === 'running');
      return running.length === 2 && input.observed.sandboxes.filter(({ isReady }) => isReady).length === 1;
    }
    for (const action of actions) input = applyToModel(input, action);
  }
  return false;
}

function applyToModel(input: PlanInput, action: PodAction): PlanInput {
  const { observed } = input;
  const change = (next: Partial<ObservedPod>): PlanInput => ({
    ...input,
    observed: { ...observed, ...next },
  });
  switch (action.kind) {
    case 'prepareVolumes':
      return { ...input, memory: { ...input.memory, volumes: new Map() } };
    case 'createSandbox': {
      const sandbox = makeSandbox({ id: `s${action.attempt}`, attempt: action.attempt });
      return change({ sandboxes: [sandbox, ...observed.sandboxes] });
    }
    case 'startContainer': {
      const container = action.containerName === 'web' ? web : log;
      const others = observed.containers.filter(({ id }) => id !== action.createdId);
      const id = action.createdId ?? `${container.name}-${action.attempt}`;
      const sandboxId = observed.sandboxes[0]?.id ?? '';
      return change({
        containers: [runningContainer(container, { id, attempt: action.attempt, sandboxId }), ...others],
      });
    }
    case 'stopContainer':
      return change({
        containers: observed.containers.map(c =>
          c.id === action.containerId ? { ...c, state: 'exited', exitCode: 137, finishedAtMs: 0 } : c,
        ),
      });
    case 'stopSandbox':
      return change({
        sandboxes: observed.sandboxes.map(s => (s.id === action.sandboxId ? { ...s, isReady: false } : s)),
      });
    case 'removeContainer':
      return change({ containers: observed.containers.filter(({ id }) => id !== action.containerId) });
    case 'removeSandbox':
      return change({ sandboxes: observed.sandboxes.filter(({ id }) => id !== action.sandboxId) });
    default:
      return input;
  }
}
