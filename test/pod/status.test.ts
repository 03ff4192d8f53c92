// What the API shows of pods that run, end, crash or cannot start: states, reasons, counts, phases, conditions, events.
import t from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { obedient, script, statusOf, useCluster } from '../support/cluster.ts';

const cluster = await useCluster(t);

function waitingReason(pod: Pod, container = 'main'): string | undefined {
  return statusOf(pod, container).state.waiting?.reason;
}

function conditions(pod: Pod): Record<string, string> {
  const entries = pod.status?.conditions?.map(({ type, status, reason }): [string, string] => [
    type,
    reason === undefined ? status : `${status} ${reason}`,
  ]);
  return Object.fromEntries(entries ?? []);
}

function formatPod({ metadata }: Pod): string {
  return `${metadata.name}_${metadata.namespace ?? ''}(${metadata.uid ?? ''})`;
}

t.test('a running pod', async t => {
  const { metadata } = await cluster.createRunningPod('running');
  const pod = await cluster.untilRunning('running');
  const { status } = pod;
  t.match(status, { phase: 'Running', qosClass: 'BestEffort', observedGeneration: metadata.generation });
  t.match(statusOf(pod), {
    ready: true,
    started: true,
    restartCount: 0,
    image: 'docker.io/library/busybox:1.36',
    imageID: /sha256:[0-9a-f]{64}$/,
    containerID: /^containerd:\/\/[0-9a-f]{64}$/,
    state: { running: { startedAt: /^\d{4}-.*Z$/ } },
  });
  t.same(conditions(pod), {
    PodReadyToStartContainers: 'True',
    Initialized: 'True',
    Ready: 'True',
    ContainersReady: 'True',
    PodScheduled: 'True',
  });
  const node = await cluster.getNode();
  const address = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  t.equal(status?.hostIP, address);
  t.same(status?.hostIPs, [{ ip: address }]);
  t.same(status?.podIPs, [{ ip: status?.podIP }]);
  const prefix = (node.spec?.podCIDR ?? '').replace(/\.\d+\/.*$/, '.');
  t.ok(status?.podIP?.startsWith(prefix), `${status?.podIP} lies in ${node.spec?.podCIDR}`);

  const image = 'docker.io/library/busybox:1.36';
  const pulled = `Container image "${image}" already present on machine and can be accessed by the pod`;
  for (const [reason, message] of [
    ['Pulled', pulled],
    ['Created', 'Container created'],
    ['Started', 'Container started'],
  ] as const) {
    t.match(await cluster.untilEvent(pod, reason, message), {
      type: 'Normal',
      involvedObject: { kind: 'Pod', name: 'running', fieldPath: 'spec.containers{main}' },
      source: { component: 'kubelet', host: 'node-1' },
      reportingComponent: 'kubelet',
    });
  }
});

t.test('ended with success or failure, restartPolicy Never', async t => {
  await cluster.createPod('completed', { restartPolicy: 'Never', containers: [script('exit 0')] });
  await cluster.createPod('failed', { restartPolicy: 'Never', containers: [script('exit 42')] });
  const completed = await cluster.untilPhase('completed', 'Succeeded');
  t.match(statusOf(completed), {
    ready: false,
    restartCount: 0,
    state: { terminated: { exitCode: 0, reason: 'Completed', startedAt: /Z$/, finishedAt: /Z$/ } },
  });
  t.match(conditions(completed), {
    Initialized: 'True PodCompleted',
    Ready: 'False PodCompleted',
    ContainersReady: 'False PodCompleted',
  });
  const failed = await cluster.untilPhase('failed', 'Failed');
  t.match(statusOf(failed), { restartCount: 0, state: { terminated: { exitCode: 42, reason: 'Error' } } });
  t.match(conditions(failed), { Ready: 'False PodFailed', ContainersReady: 'False PodFailed' });
});

t.test('killed by a signal from inside', async t => {
  const containers = [script('sleep 100 & kill -9 $!; wait $!')];
  await cluster.createPod('signalled', { restartPolicy: 'Never', containers });
  const pod = await cluster.untilPhase('signalled', 'Failed');
  t.match(statusOf(pod), { state: { terminated: { exitCode: 137, reason: 'Error' } } });
});

t.test('restartPolicy OnFailure: until it succeeds', async t => {
  const volumes = [{ name: 'state', emptyDir: {} }];
  const volumeMounts = [{ name: 'state', mountPath: '/state' }];
  const text = 'test -e /state/tried && exit 0; touch /state/tried; exit 1';
  const containers = [script(text, { volumeMounts })];
  await cluster.createPod('on-failure', { restartPolicy: 'OnFailure', volumes, containers });
  const pod = await cluster.untilPhase('on-failure', 'Succeeded');
  t.match(statusOf(pod), {
    restartCount: 1,
    state: { terminated: { exitCode: 0 } },
    lastState: { terminated: { exitCode: 1, reason: 'Error' } },
  });
});

t.test('CrashLoopBackOff: at once, then after 10 s', async t => {
  await cluster.createPod('crash', { containers: [script('exit 7')] });
  const first = await cluster.untilPod(
    'crash',
    'first back-off',
    pod => waitingReason(pod) === 'CrashLoopBackOff',
  );
  const { metadata } = first;
  t.match(first.status, { phase: 'Running' });
  t.match(statusOf(first), {
    restartCount: 1,
    ready: false,
    state: {
      waiting: { message: `back-off 10s restarting failed container=main pod=${formatPod(first)}` },
    },
    lastState: { terminated: { exitCode: 7, reason: 'Error' } },
  });
  const ended = Date.parse(statusOf(first).lastState.terminated?.finishedAt ?? '');
  const message = `Back-off restarting failed container main in pod ${formatPod(first)}`;
  t.match(await cluster.untilEvent(first, 'BackOff', message), { type: 'Warning' });
  const second = await cluster.untilPod('crash', 'second back-off', pod => {
    const { restartCount } = statusOf(pod);
    return restartCount === 2 && waitingReason(pod) === 'CrashLoopBackOff';
  });
  t.match(statusOf(second), { state: { waiting: { message: /^back-off 20s restarting failed/ } } });
  const restarted = Date.parse(statusOf(second).lastState.terminated?.startedAt ?? '');
  const delaySeconds = (restarted - ended) / 1000; // both are whole seconds
  t.ok(
    delaySeconds >= 9 && delaySeconds <= 16,
    `${delaySeconds} s after it ended: 10 s, and up to half more`,
  );
  t.equal(second.metadata.uid, metadata.uid);
});

t.test('termination messages', async t => {
  const never = { restartPolicy: 'Never' } as const;
  const write = 'echo -n DONE > /dev/termination-log; exit 1';
  const fallback = { terminationMessagePolicy: 'FallbackToLogsOnError' };
  await cluster.createPod('message-file', { ...never, containers: [script(write)] });
  const custom = script('echo -n custom > /tmp/message', { terminationMessagePath: '/tmp/message' });
  await cluster.createPod('message-path', { ...never, containers: [custom] });
  await cluster.createPod('message-log', {
    ...never,
    containers: [script('echo one; echo two >&2; exit 1', fallback)],
  });
  await cluster.createPod('message-none', { ...never, containers: [script('echo one; exit 0', fallback)] });
  await cluster.createPod('message-wins', { ...never, containers: [script(`echo log; ${write}`, fallback)] });
  const messageOf = async (name: string, phase: string) =>
    statusOf(await cluster.untilPhase(name, phase)).state.terminated?.message;
  t.equal(await messageOf('message-file', 'Failed'), 'DONE');
  t.equal(await messageOf('message-path', 'Succeeded'), 'custom');
  t.match((await messageOf('message-log', 'Failed'))?.split('\n').sort().join(' ').trim(), 'one two');
  t.equal(await messageOf('message-none', 'Succeeded'), undefined);
  t.equal(await messageOf('message-wins', 'Failed'), 'DONE');
});

t.test('an image that cannot be pulled', async t => {
  const image = 'registry.invalid/absent:1';
  const pod = await cluster.createPod('unpullable', { containers: [{ image }] });
  const failed = await cluster.untilEvent(
    pod,
    'Failed',
    /^Failed to pull image "registry.invalid\/absent:1": /,
  );
  t.equal(failed.type, 'Warning');
  await cluster.untilEvent(pod, 'Pulling', `Pulling image "${image}"`);
  await cluster.untilEvent(pod, 'Failed', 'Error: ErrImagePull');
  const waiting = await cluster.untilPod(
    'unpullable',
    'ImagePullBackOff',
    pod => waitingReason(pod) === 'ImagePullBackOff',
  );
  t.equal(waiting.status?.phase, 'Pending');
  t.match(
    statusOf(waiting).state.waiting?.message,
    /^Back-off pulling image "registry.invalid\/absent:1": ErrImagePull: /,
  );
  t.match(await cluster.untilEvent(pod, 'BackOff', `Back-off pulling image "${image}"`), { type: 'Normal' });
  await cluster.untilEvent(pod, 'Failed', 'Error: ImagePullBackOff');
});

t.test('an image that must not be pulled', async t => {
  const image = 'docker.io/library/absent:1';
  const pod = await cluster.createPod('never-pull', { containers: [{ image, imagePullPolicy: 'Never' }] });
  const message = `Container image "${image}" is not present with pull policy of Never`;
  const waiting = await cluster.untilPod(
    'never-pull',
    'ErrImageNeverPull',
    pod => waitingReason(pod) === 'ErrImageNeverPull',
  );
  t.equal(statusOf(waiting).state.waiting?.message, message);
  t.match(await cluster.untilEvent(pod, 'ErrImageNeverPull', message), { type: 'Warning' });
});

t.test('an image name that is none', async t => {
  const pod = await cluster.createPod('bad-name', { containers: [{ image: 'Not A/Valid:Name' }] });
  await cluster.untilPod('bad-name', 'InvalidImageName', pod => waitingReason(pod) === 'InvalidImageName');
  const event = await cluster.untilEvent(
    pod,
    'InspectFailed',
    /^Failed to apply default image tag "Not A\/Valid:Name": /,
  );
  t.equal(event.type, 'Warning');
});

t.test('a command that does not exist', async t => {
  const pod = await cluster.createPod('no-command', { containers: [{ command: ['/does/not/exist'] }] });
  // The kubelet shows the failure while it waits, and the same again while it backs off.
  const waiting = await cluster.untilPod('no-command', 'its reason', pod =>
    ['RunContainerError', 'CrashLoopBackOff'].includes(waitingReason(pod) ?? ''),
  );
  t.match(statusOf(waiting), { ready: false, state: { waiting: { message: /\S/ } } });
  t.match(await cluster.untilEvent(pod, 'Failed', /^Error: .*\/does\/not\/exist/), { type: 'Warning' });
  const crashed = await cluster.untilPod(
    'no-command',
    'its last state',
    pod => statusOf(pod).lastState.terminated !== undefined,
  );
  t.match(statusOf(crashed).lastState.terminated, { exitCode: 128, reason: 'StartError' });
});

t.test('configuration that does not exist', async t => {
  const env = [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'absent', key: 'x' } } }];
  const pod = await cluster.createPod('no-config', { containers: [{ env, ...obedient() }] });
  const waiting = await cluster.untilPod(
    'no-config',
    'CreateContainerConfigError',
    pod => waitingReason(pod) === 'CreateContainerConfigError',
  );
  t.equal(statusOf(waiting).state.waiting?.message, 'configmap "absent" not found');
  t.match(await cluster.untilEvent(pod, 'Failed', 'Error: configmap "absent" not found'), {
    type: 'Warning',
  });
  await cluster.create('configmaps', 'absent', { data: { x: '1' } });
  await cluster.untilRunning('no-config');
});

t.test('a sandbox that cannot be made', async t => {
  const spec = { hostname: 'h'.repeat(60), subdomain: 'sub', setHostnameAsFQDN: true };
  const pod = await cluster.createPod('no-sandbox', { ...spec, containers: [{}] });
  const event = await cluster.untilEvent(
    pod,
    'FailedCreatePodSandBox',
    /^Failed to create pod sandbox: .*is too long \(64 characters is the max, \d+ characters requested\)/,
  );
  t.equal(event.type, 'Warning');
  const { status } = (await cluster.getPod('no-sandbox')) ?? pod;
  t.equal(status?.phase, 'Pending');
});

t.test('several containers: each has its own life, statuses in order of names', async t => {
  await cluster.createPod('several', {
    containers: [obedient('zebra'), { name: 'crash', ...script('sleep 1; exit 5') }, obedient('ant')],
  });
  const pod = await cluster.untilPod(
    'several',
    'one crashes, the others run',
    pod => statusOf(pod, 'crash').restartCount === 1 && waitingReason(pod, 'crash') === 'CrashLoopBackOff',
  );
  t.same(
    pod.status?.containerStatuses?.map(({ name, restartCount }) => [name, restartCount]),
    [
      ['ant', 0],
      ['crash', 1],
      ['zebra', 0],
    ],
  );
  t.equal(pod.status?.phase, 'Running');
  t.match(conditions(pod), { Ready: 'False ContainersNotReady' });
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  t.equal(ready?.message, 'containers with unready status: [crash]');
});

t.test('a deleted pod tells what stops', async () => {
  const pod = await cluster.createRunningPod('stopping');
  await cluster.deletePod('stopping');
  await cluster.untilGone('stopping');
  await cluster.untilEvent(pod, 'Killing', 'Stopping container main');
});
