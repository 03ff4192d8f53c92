// One SIGKILL while pods are in every phase that takes a while: init container, sidecar before it has started, postStart
// hook, preStop hook. Afterwards each goes on where it was, and nothing runs twice.
import t from 'tap';
import type { Container } from '../../agent/api/objects.ts';
import { isReady, obedient, script, statusOf, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const { agent } = node.node;

const FOREVER = 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done';
const volumes = [{ name: 'state', emptyDir: {} }];
const volumeMounts = [{ name: 'state', mountPath: '/state' }];

function busybox(name: string, text: string, more: Partial<Container> = {}): Container {
  return { ...obedient(name), ...script(text), volumeMounts, ...more };
}

const untilFile = (file: string): string => `while ! test -e /state/${file}; do sleep 0.1; done`;

/** Lets whoever waits for the file go on. */
async function touch(podUID: string, container: string, file: string): Promise<void> {
  await node.exec(podUID, container, 'touch', `/state/${file}`);
}

async function instances(podUID: string): Promise<Record<string, number>> {
  const containers = await node.containers(podUID);
  return Object.fromEntries(
    [...Map.groupBy(containers, ({ metadata }) => metadata?.name ?? '')].map(([name, list]) => [
      name,
      list.length,
    ]),
  );
}

const init = await cluster.createPod('init', {
  volumes,
  initContainers: [busybox('first', untilFile('go')), busybox('second', 'true')],
  containers: [obedient()],
});
const sidecar = await cluster.createPod('sidecar', {
  volumes,
  initContainers: [
    busybox('helper', FOREVER, {
      restartPolicy: 'Always',
      startupProbe: {
        exec: { command: ['test', '-e', '/state/go'] },
        periodSeconds: 1,
        failureThreshold: 100,
      },
    }),
  ],
  containers: [obedient()],
});
const hook = await cluster.createPod('hook', {
  volumes,
  containers: [
    busybox('main', FOREVER, {
      lifecycle: { postStart: { exec: { command: ['sh', '-c', `touch /state/begun; ${untilFile('go')}`] } } },
    }),
    obedient('next'),
  ],
});
const ending = await cluster.createPod('ending', {
  volumes,
  terminationGracePeriodSeconds: 30,
  containers: [
    busybox('main', FOREVER, {
      lifecycle: { preStop: { exec: { command: ['sh', '-c', `touch /state/begun; ${untilFile('go')}`] } } },
    }),
  ],
});

t.test('the agent is killed while each pod is in its phase, and starts again', async () => {
  await cluster.untilRunning('ending');
  await cluster.deletePod('ending');
  await waitFor('the hooks to run', async () => {
    await node.exec(uidOf(hook), 'main', 'ls', '/state/begun');
    await node.exec(uidOf(ending), 'main', 'ls', '/state/begun');
    return true;
  });
  await waitFor('the others to run', async () =>
    [await node.container(uidOf(init), 'first'), await node.container(uidOf(sidecar), 'helper')].every(
      ({ state }) => state === 'CONTAINER_RUNNING',
    ),
  );
  await agent.kill();
  await agent.ensureStarted({ signal: AbortSignal.timeout(60_000) });
  await cluster.untilNodeReady();
});

t.test('the init container goes on, and the rest follows once', async t => {
  await touch(uidOf(init), 'first', 'go');
  const pod = await cluster.untilRunning('init');
  t.same(await instances(uidOf(init)), { first: 1, second: 1, main: 1 });
  t.same(
    pod.status?.initContainerStatuses?.map(({ restartCount }) => restartCount),
    [0, 0],
  );
});

t.test('the sidecar is the same, and main starts when it has started', async t => {
  t.same(await instances(uidOf(sidecar)), { helper: 1 });
  await touch(uidOf(sidecar), 'helper', 'go');
  await cluster.untilRunning('sidecar');
  t.same(await instances(uidOf(sidecar)), { helper: 1, main: 1 });
});

t.test('a container whose postStart hook was running is kept, and the next one starts', async t => {
  const pod = await cluster.untilPod('hook', 'running', isReady);
  t.equal(statusOf(pod).restartCount, 0);
  t.same(await instances(uidOf(hook)), { main: 1, next: 1 });
});

t.test('the pod that was ending ends, and its preStop hook is waited for again', async t => {
  t.ok(await cluster.getPod('ending'), 'it has its grace');
  await touch(uidOf(ending), 'main', 'go');
  await cluster.untilGone('ending', 20_000);
});
