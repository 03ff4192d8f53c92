import t from 'tap';
import type { Pod, PodStatus } from '../api/objects.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '../runtime/observed-pod.ts';
import { buildPodStatus } from './build.ts';
import { NO_RESIZE, type StatusInput } from './status-input.ts';

const NOW_MS = Date.parse('2026-01-01T00:01:00Z');

const sandbox: ObservedSandbox = {
  id: 's',
  attempt: 0,
  isReady: true,
  createdAtMs: 1,
  podIPs: ['10.0.0.2'],
  isHostNetwork: false,
  runtimeHandler: '',
};

function makeContainer(changes: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: 'c0',
    sandboxId: 's',
    name: 'web',
    attempt: 0,
    state: 'running',
    createdAtMs: 1,
    startedAtMs: Date.parse('2026-01-01T00:00:30Z'),
    finishedAtMs: undefined,
    exitCode: 0,
    reason: '',
    message: '',
    hash: '',
    restartCount: 0,
    image: 'docker.io/library/web:1',
    imageRef: 'sha256:1',
    logPath: '',
    terminationGracePeriodSeconds: 30,
    terminationMessagePolicy: 'File',
    user: undefined,
    terminationMessageHostPath: undefined,
    ...changes,
  };
}

const ended = makeContainer({
  state: 'exited',
  exitCode: 3,
  reason: 'Error',
  finishedAtMs: Date.parse('2026-01-01T00:00:40Z'),
});

function makeInput(
  containers: readonly ObservedContainer[],
  changes: Partial<StatusInput> = {},
): StatusInput {
  const observed: ObservedPod = {
    podUID: 'u',
    namespace: 'n',
    name: 'p',
    isStatic: false,
    sandboxes: [sandbox],
    containers,
  };
  return {
    pod: makePod(),
    observed,
    sandbox,
    resize: NO_RESIZE,
    actuated: new Map(),
    waiting: new Map(),
    verdicts: new Map(),
    verdict: undefined,
    terminationMessages: new Map(),
    areVolumesReady: true,
    isTerminal: false,
    nodeIPs: ['192.168.0.1'],
    runtime: { name: 'containerd', supportsRecursiveReadOnly: false },
    nowMs: NOW_MS,
    ...changes,
  };
}

function makePod(spec: Partial<Pod['spec']> = {}, status: PodStatus = {}): Pod {
  return {
    metadata: { name: 'p', namespace: 'n', uid: 'u', generation: 2 },
    spec: { containers: [{ name: 'web', image: 'web:1' }], restartPolicy: 'Always', ...spec },
    status,
  };
}

function condition(status: PodStatus, type: string): string | undefined {
  return status.conditions?.find(candidate => candidate.type === type)?.status;
}

t.test('a running pod is Running and Ready, with addresses of pod and host', async t => {
  const status = buildPodStatus(makeInput([makeContainer()]));
  t.equal(status.phase, 'Running');
  t.equal(condition(status, 'Ready'), 'True');
  t.equal(condition(status, 'PodReadyToStartContainers'), 'True');
  t.match(status, {
    podIP: '10.0.0.2',
    podIPs: [{ ip: '10.0.0.2' }],
    hostIP: '192.168.0.1',
    qosClass: 'BestEffort',
    startTime: '2026-01-01T00:01:00Z',
    observedGeneration: 2,
  });
  t.match(status.containerStatuses?.[0], {
    ready: true,
    started: true,
    containerID: 'containerd://c0',
    imageID: 'sha256:1',
    state: { running: { startedAt: '2026-01-01T00:00:30Z' } },
  });
});

t.test('building on its own result changes nothing: the goal state writes nothing', async t => {
  const input = makeInput([makeContainer()]);
  const first = buildPodStatus(input);
  const later = { ...input, pod: { ...input.pod, status: first }, nowMs: NOW_MS + 60_000 };
  t.strictSame(buildPodStatus(later), first);
});

t.test('a pod of which nothing runs yet is Pending and says why its containers wait', async t => {
  const status = buildPodStatus(makeInput([], { sandbox: undefined }));
  t.equal(status.phase, 'Pending');
  t.equal(condition(status, 'PodReadyToStartContainers'), 'False');
  t.strictSame(status.containerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } });
  t.equal(condition(status, 'Initialized'), 'True');
  t.match(
    status.conditions?.find(({ type }) => type === 'Ready'),
    { reason: 'ContainersNotReady', message: 'containers with unready status: [web]' },
  );
});

t.test('a container in back-off waits; its end stands in lastState, and the pod stays Running', async t => {
  const waiting = new Map([['web', { reason: 'CrashLoopBackOff', message: 'back-off 10s' }]]);
  const status = buildPodStatus(makeInput([ended], { waiting }));
  t.equal(status.phase, 'Running');
  t.match(status.containerStatuses?.[0], {
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 3, reason: 'Error', finishedAt: '2026-01-01T00:00:40Z' } },
    ready: false,
  });
});

t.test('a terminal phase is held back until nothing can run any more', async t => {
  const pod = makePod({ restartPolicy: 'Never' }, { phase: 'Running' });
  t.equal(buildPodStatus(makeInput([ended], { pod })).phase, 'Running');
  const over = buildPodStatus(makeInput([ended], { pod, isTerminal: true }));
  t.equal(over.phase, 'Failed');
  t.match(
    over.conditions?.find(({ type }) => type === 'Ready'),
    { status: 'False', reason: 'PodFailed' },
  );
  const good = buildPodStatus(makeInput([{ ...ended, exitCode: 0 }], { pod, isTerminal: true }));
  t.equal(good.phase, 'Succeeded');
});

t.test('a deleted pod that never started a container ends as Failed with a known end for each', async t => {
  const status = buildPodStatus(makeInput([], { isTerminal: true, sandbox: undefined }));
  t.equal(status.phase, 'Failed');
  t.match(status.containerStatuses?.[0]?.state.terminated, {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
  });
});

t.test('a terminal phase in the API never changes', async t => {
  const pod = makePod({}, { phase: 'Succeeded' });
  t.equal(buildPodStatus(makeInput([makeContainer()], { pod })).phase, 'Succeeded');
});

t.test('a restart of the agent finds a running pod in the state the API has: no flip', async t => {
  const input = makeInput([makeContainer()]);
  const known = buildPodStatus(input);
  const fresh = { ...input, pod: { ...input.pod, status: known }, areVolumesReady: false };
  t.strictSame(buildPodStatus(fresh), known);
});

t.test('a container that the runtime has lost counts as one restart', async t => {
  const known = buildPodStatus(makeInput([makeContainer()]));
  const status = buildPodStatus(makeInput([], { pod: makePod({}, known) }));
  t.match(status.containerStatuses?.[0], {
    restartCount: 1,
    lastState: { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } },
  });
});

t.test('a pod whose containers all start over tells it once for each, and does not fail of it', async t => {
  const exitCodes = { operator: 'In', values: [3] };
  const restartPolicyRules = [{ action: 'RestartAllContainers', exitCodes }];
  const web = { name: 'web', image: 'web:1', restartPolicy: 'Never', restartPolicyRules };
  const spec = {
    initContainers: [{ name: 'init', image: 'web:1' }],
    containers: [web, { name: 'log', image: 'web:1' }],
    restartPolicy: 'Never',
  };
  let status: PodStatus = {};
  const build = (containers: readonly ObservedContainer[]): PodStatus => {
    status = buildPodStatus(makeInput(containers, { pod: makePod(spec, status) }));
    return status;
  };
  const init = makeContainer({ name: 'init', id: 'i0', state: 'exited', reason: 'Completed' });
  const log = makeContainer({ name: 'log', id: 'l0' });
  build([makeContainer(), log, init]);
  t.equal(condition(status, 'AllContainersRestarting'), 'False');
  t.match(build([ended, log, init]).conditions?.at(-1), {
    type: 'AllContainersRestarting',
    status: 'True',
    reason: 'RestartAllContainersStarted',
  });
  build([ended, { ...log, state: 'exited', exitCode: 137 }, init]);
  t.equal(status.phase, 'Running', 'what was stopped for it has not failed');
  build([ended]);
  build([ended]);
  build([]);
  t.equal(condition(status, 'AllContainersRestarting'), 'False');
  t.equal(status.phase, 'Pending');
  const removed = {
    restartCount: 1,
    state: { waiting: { reason: 'RestartingAllContainers' } },
    lastState: { terminated: { exitCode: 137, reason: 'RestartingAllContainers' } },
  };
  t.match(build([]).containerStatuses, [removed, removed]);
  t.match(status.initContainerStatuses, [removed]);
  t.equal(condition(status, 'Initialized'), 'True', 'once initialized, always initialized');
});

t.test('the termination message joins the message of the runtime', async t => {
  const terminationMessages = new Map([['c0', 'bye']]);
  const status = buildPodStatus(makeInput([{ ...ended, message: 'oom' }], { terminationMessages }));
  t.equal(status.containerStatuses?.[0]?.state.terminated?.message, 'oom: bye');
});

t.test('conditions of others stay as they are, and readiness gates decide Ready', async t => {
  const gate = { type: 'example.com/gate', status: 'False' as const };
  const pod = makePod({ readinessGates: [{ conditionType: 'example.com/gate' }] }, { conditions: [gate] });
  const status = buildPodStatus(makeInput([makeContainer()], { pod }));
  t.strictSame(status.conditions?.[0], gate);
  t.match(
    status.conditions?.find(({ type }) => type === 'Ready'),
    { status: 'False', reason: 'ReadinessGatesNotReady' },
  );
});

t.test('reason and message set by others survive while the phase stays', async t => {
  const pod = makePod({}, { phase: 'Running', reason: 'Why', message: 'because' });
  t.match(buildPodStatus(makeInput([makeContainer()], { pod })), { reason: 'Why', message: 'because' });
});

const init = { name: 'setup', image: 'setup:1' };
const proxy = { name: 'proxy', image: 'proxy:1', restartPolicy: 'Always' };

t.test('while init containers run the pod is Pending, its containers are PodInitializing', async t => {
  const pod = makePod({ initContainers: [init, proxy] });
  const status = buildPodStatus(makeInput([makeContainer({ name: 'setup', id: 'i0' })], { pod }));
  t.equal(status.phase, 'Pending');
  t.strictSame(status.containerStatuses?.[0]?.state, { waiting: { reason: 'PodInitializing' } });
  t.match(
    status.conditions?.find(({ type }) => type === 'Initialized'),
    {
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [setup proxy]',
    },
  );
  t.match(status.initContainerStatuses, [{ name: 'setup', ready: false }, { name: 'proxy' }], 'spec order');
});

t.test(
  'a failed init container under Never makes the pod Failed, regular containers never started',
  async t => {
    const pod = makePod({ initContainers: [init], restartPolicy: 'Never' }, { phase: 'Pending' });
    const failed = { ...ended, name: 'setup', id: 'i0' };
    t.equal(buildPodStatus(makeInput([failed], { pod })).phase, 'Pending', 'held back until all is stopped');
    const status = buildPodStatus(makeInput([failed], { pod, isTerminal: true }));
    t.equal(status.phase, 'Failed');
    t.strictSame(status.containerStatuses?.[0]?.state, { waiting: { reason: 'PodInitializing' } });
  },
);

t.test('done init containers are ready, a running sidecar counts for Ready', async t => {
  const pod = makePod({ initContainers: [init, proxy] });
  const containers = [
    makeContainer(),
    makeContainer({ name: 'proxy', id: 'p0' }),
    { ...ended, name: 'setup', id: 'i0', exitCode: 0 },
  ];
  const status = buildPodStatus(makeInput(containers, { pod }));
  t.equal(status.phase, 'Running');
  t.equal(condition(status, 'Initialized'), 'True');
  t.equal(condition(status, 'Ready'), 'True');
  t.match(status.initContainerStatuses, [{ ready: true }, { ready: true, started: true }]);
  const without = buildPodStatus(makeInput(containers.slice(0, 1).concat(containers.slice(2)), { pod }));
  t.equal(condition(without, 'Ready'), 'False');
});

t.test('readiness follows the probe; an unknown verdict is not ready', async t => {
  const pod = makePod({ containers: [{ name: 'web', image: 'web:1', readinessProbe: {} }] });
  const verdicts = (readiness: 'success' | 'failure' | 'unknown') => new Map([['c0', { readiness }]]);
  const ready = (input: Partial<StatusInput>) =>
    condition(buildPodStatus(makeInput([makeContainer()], { pod, ...input })), 'Ready');
  t.equal(ready({ verdicts: verdicts('success') }), 'True');
  t.equal(ready({ verdicts: verdicts('failure') }), 'False');
  t.equal(ready({ verdicts: verdicts('unknown') }), 'False');
});

t.test(
  'a container is started when its startup probe says so, also across a restart of the agent',
  async t => {
    const pod = makePod({ containers: [{ name: 'web', image: 'web:1', startupProbe: {} }] });
    const started = (input: Partial<StatusInput>) =>
      buildPodStatus(makeInput([makeContainer()], { pod, ...input })).containerStatuses?.[0]?.started;
    t.equal(started({}), false);
    const verdicts = new Map([['c0', { startup: 'success' as const }]]);
    t.equal(started({ verdicts }), true);
    const known = buildPodStatus(makeInput([makeContainer()], { pod, verdicts }));
    t.equal(
      started({ pod: { ...pod, status: known } }),
      true,
      'what the API has holds until the probe speaks',
    );
  },
);

t.test('a pod that the node ended tells why', async t => {
  const verdict = {
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  };
  const status = buildPodStatus(makeInput([ended], { verdict, isTerminal: true }));
  t.match(status, { phase: 'Failed', ...verdict });
});

t.test('a pod that was never let in has a reason and nothing else', async t => {
  const verdict = { reason: 'OutOfcpu', message: 'Pod was rejected: no cpu', isRejection: true };
  t.same(buildPodStatus(makeInput([], { verdict, sandbox: undefined })), {
    phase: 'Failed',
    reason: 'OutOfcpu',
    message: 'Pod was rejected: no cpu',
    observedGeneration: 2,
    qosClass: 'BestEffort',
    startTime: '2026-01-01T00:01:00Z',
  });
});

t.test('volume mounts tell whether they are read-only all the way down', async t => {
  const volumeMounts = [
    { name: 'a', mountPath: '/a', readOnly: true, recursiveReadOnly: 'IfPossible' },
    { name: 'b', mountPath: '/b' },
  ];
  const pod = makePod({ containers: [{ name: 'web', image: 'web:1', volumeMounts }] });
  const runtime = { name: 'containerd', supportsRecursiveReadOnly: true };
  const status = buildPodStatus(makeInput([makeContainer()], { pod, runtime }));
  t.same(status.containerStatuses?.[0]?.volumeMounts, [
    { name: 'a', mountPath: '/a', readOnly: true, recursiveReadOnly: 'Enabled' },
    { name: 'b', mountPath: '/b' },
  ]);
});

t.test('a container that ended for good shows its end, whatever was to start', async t => {
  const waiting = new Map([['web', { reason: 'RunContainerError', message: 'no such file' }]]);
  const pod = makePod({ restartPolicy: 'Never' });
  const [status] = buildPodStatus(makeInput([ended], { pod, waiting })).containerStatuses ?? [];
  t.equal(status?.state.terminated?.exitCode, 3);
  t.same(status?.lastState, {});
});

t.test('a pod deleted while it was starting keeps saying why it was not ready', async t => {
  const first = buildPodStatus(makeInput([], { isTerminal: true }));
  t.equal(first.phase, 'Failed');
  const ready = first.conditions?.find(({ type }) => type === 'Ready');
  t.match(ready, { status: 'False', reason: 'ContainersNotReady' });
  const again = makeInput([], { isTerminal: true, pod: makePod({}, first) });
  t.same(buildPodStatus(again).conditions, first.conditions);
});

t.test('a running pod has the resources of its cgroup, one that starts those it asks for', async t => {
  const limits = { memory: '64Mi' };
  const containers = [
    { name: 'web', image: 'web:1', resources: { requests: { cpu: '50m' }, limits } },
    { name: 'side', image: 'web:1' },
  ];
  const pod = makePod({ containers });
  const starting = buildPodStatus(makeInput([], { pod }));
  t.same(starting.resources, { requests: { cpu: '50m' }, limits });
  const both = [makeContainer(), makeContainer({ id: 'c1', name: 'side' })];
  const running = buildPodStatus(makeInput(both, { pod }));
  t.same(running.resources, { requests: { cpu: '50m' } });
  t.same(running.allocatedResources, { cpu: '50m' });
});
