// W12, a node in trouble: its agent stopped until the control plane gives up on it, and back; debugging on the node that
// is left. (The service under systemd, containerd's restart, private images: test/systemd, test/outage, test/pod.)
import { mkdir, rm, writeFile } from 'node:fs/promises';
import t from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { STATIC_POD_PATH } from '../../hack/sandbox/agent-config.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { obedient, statusOf, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

// A cluster gives a node up after 50 s; here sooner, but not before the next lease: that is renewed every 10 s.
const IMPATIENT = ['--node-monitor-grace-period=14s', '--node-monitor-period=1s', '--leader-elect=false'];
const GIVEN_UP_MS = 60_000;

t.setTimeout(120_000);
const cluster = await useCluster(t);
const lost = await cluster.node('node-2');
const { agent } = lost.node;
const { controlPlane } = cluster.sandbox;
const { signal } = new AbortController();

async function restartControllers(extraFlags: readonly string[]): Promise<void> {
  await controlPlane.stop('kube-controller-manager', 'SIGKILL');
  await controlPlane.start('kube-controller-manager', { signal, extraFlags });
}

t.teardown(async () => {
  await restartControllers([]);
  await agent.ensureStarted({ signal });
  await cluster.untilNodeReady('True', 'node-2');
});

const tolerations = ['not-ready', 'unreachable'].map(taint => ({
  key: `node.kubernetes.io/${taint}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 1,
}));

async function runsOnLost(pod: Pod): Promise<boolean> {
  return (await lost.containers(uidOf(pod))).some(({ state }) => state === 'CONTAINER_RUNNING');
}

await cluster.createPod('impatient', { nodeName: 'node-2', tolerations, containers: [obedient()] });
await cluster.createPod('patient', { nodeName: 'node-2', containers: [obedient()] });
const impatient = await cluster.untilRunning('impatient');
const patient = await cluster.untilRunning('patient');
await restartControllers(IMPATIENT);
await agent.stop();
const givenUp = cluster.untilNodeReady('Unknown', 'node-2', GIVEN_UP_MS);

t.test('meanwhile a static pod is dropped in on the other node, and taken away', async () => {
  const node = await cluster.node();
  const directory = node.node.hostPath(STATIC_POD_PATH);
  await mkdir(directory, { recursive: true });
  const metadata = { name: 'dropped', namespace: cluster.namespace };
  const manifest = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [obedient()] } };
  await writeFile(`${directory}/dropped.yaml`, JSON.stringify(manifest));
  await cluster.untilRunning('dropped-node-1');
  await rm(directory, { recursive: true });
  await cluster.untilGone('dropped-node-1');
});

t.test('kubectl debug looks into a container that has no shell to offer', async t => {
  await cluster.createPod('bare', { containers: [{ image: IMAGES.pause }] });
  await cluster.untilRunning('bare');
  const look = 'cat /proc/1/cmdline; ls -l /proc/1/root/pause';
  const args = ['--image', IMAGES.busybox, '--target=main', '--container=look', '--', 'sh', '-c', look];
  await cluster.kubectl('debug', 'bare', ...args);
  const pod = await cluster.untilPod('bare', 'looked into', ({ status }) =>
    (status?.ephemeralContainerStatuses ?? []).some(({ state }) => state.terminated?.reason === 'Completed'),
  );
  t.match(await cluster.kubectl('logs', 'bare', '--container=look'), /pause/);
  t.equal(statusOf(pod).restartCount, 0);
});

t.test('kubectl debug node/ stands on the host', async t => {
  const args = ['--image', IMAGES.busybox, '--profile=sysadmin', '--', 'chroot', '/host', 'hostname'];
  const said = await cluster.kubectl('debug', 'node/node-1', ...args);
  const name = /node-debugger-node-1-\w+/.exec(said)?.[0] ?? `no name in: ${said}`;
  await cluster.untilPhase(name, 'Succeeded');
  t.equal((await cluster.kubectl('logs', name)).trim(), 'node-1');
});

t.test('the control plane gives the silent node up; its containers run on', async t => {
  const node = await givenUp;
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  t.match(ready, { status: 'Unknown', reason: 'NodeStatusUnknown' });
  const evicted = await cluster.untilPod(
    'impatient',
    'to be deleted by the control plane',
    ({ metadata }) => metadata.deletionTimestamp !== undefined,
  );
  t.match(
    evicted.status?.conditions?.find(({ type }) => type === 'DisruptionTarget'),
    {
      status: 'True',
      reason: 'DeletionByTaintManager',
    },
  );
  t.ok(await runsOnLost(impatient), 'nobody is there to end it');
});

t.test('back again it ends what it should, and nothing else', async t => {
  const before = await lost.container(uidOf(patient), 'main');
  await agent.ensureStarted({ signal });
  await cluster.untilGone('impatient');
  t.notOk(await runsOnLost(impatient));
  await cluster.untilNodeReady('True', 'node-2');
  await waitFor('the taints to go', async () => {
    const { spec } = await cluster.getNode('node-2');
    return (spec?.taints ?? []).length === 0;
  });
  t.equal((await cluster.untilRunning('patient')).metadata.uid, uidOf(patient));
  t.equal((await lost.container(uidOf(patient), 'main')).id, before.id, 'nothing restarts');
});
