// One node changes hands with its pods running: from nodelet to the real kubelet and back, on the same directories and
// the same runtime. No container restarts, no pod is unready for a moment, no mount is lost; what the one has made the
// other takes down.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { Kubelet } from '../../hack/race-run/kubelet.ts';
import { ObjectWatch } from '../../hack/race-run/object-watch.ts';
import { STATIC_POD_PATH } from '../../hack/sandbox/agent-config.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import { isReady, obedient, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { ENDED, MOUNT, RUNNING } from './hand-over-pods.ts';

t.setTimeout(240_000);
const SETTLED_AFTER_MS = 11_000;
const GONE_DEADLINE_MS = 60_000; // the kubelet takes its time
const { signal } = new AbortController();
const cluster = await useCluster(t);
const { sandbox, namespace } = cluster;
const node = await cluster.node();
const { agent } = node.node;
const kubelet = new Kubelet({
  node: node.node,
  binDirectory: sandbox.paths.bin,
  isTuned: false,
  settings: { staticPodPath: STATIC_POD_PATH },
});
const manifests = node.node.hostPath(STATIC_POD_PATH);
const history = new ObjectWatch<Pod>(cluster.api, `/api/v1/namespaces/${namespace}/pods`);
/** Ready from now on. */
const expected = new Set(Object.keys(RUNNING));
const unready: string[] = [];

t.teardown(async () => {
  await rm(`${manifests}/static.yaml`, { force: true });
  await kubelet.stop();
  await agent.ensureStarted({ signal });
  await cluster.untilNodeReady();
  await history.close();
  await cluster.kubectl('delete', 'pv', `${namespace}-data`, '--wait=false');
});

await cluster.create('configmaps', 'settings', { data: { color: 'green' } });
await cluster.create('secrets', 'creds', { stringData: { password: 's3cret' } });
await createClaim();
await mkdir(manifests, { recursive: true });
for (const [name, spec] of Object.entries({ ...RUNNING, ...ENDED })) await cluster.createPod(name, spec);
for (const name of expected) await cluster.untilRunning(name);
await cluster.untilPhase('succeeded', 'Succeeded');
await cluster.untilPhase('failed', 'Failed');
history.observe(({ name, object }) => {
  if (object && expected.has(name) && !isReady(object))
    unready.push(`${name} ${JSON.stringify(object.status)}`);
});
// The kubelet leaves Ready alone only where the container is older than that (KEP-4781).
const settledAtMs = Date.now() + SETTLED_AFTER_MS;
await waitFor('containers that are not new any more', () => Date.now() > settledAtMs);

function staticPod(labels: Readonly<Record<string, string>> = {}): object {
  const metadata = { name: 'static', namespace, labels };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [obedient()] } };
}

async function createClaim(): Promise<void> {
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `${namespace}-data` },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: '',
      claimRef: { namespace, name: 'data' },
      hostPath: { path: '/opt/hand-over-claim', type: 'DirectoryOrCreate' },
    },
  };
  await cluster.api.create('/api/v1/persistentvolumes', volume, { signal });
  await cluster.create('persistentvolumeclaims', 'data', {
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: '',
      volumeName: `${namespace}-data`,
      resources: { requests: { storage: '1Gi' } },
    },
  });
}

/** All that a hand-over must not change: sandboxes, containers, restarts, addresses, and what each container has mounted. */
async function facts(): Promise<object> {
  const isOld = (labels: Readonly<Record<string, string>>): boolean =>
    labels['io.kubernetes.pod.namespace'] === namespace &&
    !labels['io.kubernetes.pod.name']?.startsWith('new-');
  const containers = (await node.runtime.listContainers({}, { signal })).filter(({ labels }) =>
    isOld(labels),
  );
  const sandboxes = (await node.runtime.listPodSandbox({}, { signal })).filter(({ labels }) => isOld(labels));
  const pods = (await cluster.listPods()).filter(({ metadata }) => !metadata.name.startsWith('new-'));
  const running = containers.filter(({ state }) => state === 'CONTAINER_RUNNING').map(({ id }) => id);
  const mounts = running.toSorted().map(async id => `${id} ${await mountsOf(id)}`);
  return {
    containers: containers.map(({ id, state }) => `${id} ${state}`).toSorted(),
    sandboxes: sandboxes.map(({ id, state }) => `${id} ${state}`).toSorted(),
    statuses: pods.map(describe),
    mounts: await Promise.all(mounts),
    mountedForPods: (await node.shell(`${MOUNTED_FOR_PODS} | sort`)).split('\n').filter(isOldPods(pods)),
  };
}

const MOUNTED_FOR_PODS = "grep -o ' /var/lib/kubelet/pods[^ ]*' /proc/self/mountinfo";

function isOldPods(pods: readonly Pod[]): (line: string) => boolean {
  return line =>
    pods.some(pod => line.includes(pod.metadata.annotations?.['kubernetes.io/config.hash'] ?? uidOf(pod)));
}

/** ID and place of each mount, as the container's first process sees them. */
async function mountsOf(containerID: string): Promise<string> {
  const { info = '{}' } = await node.runtime.containerInfo(containerID, { signal });
  const { pid } = JSON.parse(info) as { pid: number }; // containerd's own words
  return await node.run('awk', '{ printf "%s %s, ", $1, $5 }', `/proc/${pid}/mountinfo`);
}

function describe({ metadata, status }: Pod): object {
  const isStatic = metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
  const { phase, podIPs, initContainerStatuses = [], containerStatuses = [], conditions = [] } = status ?? {};
  return {
    name: metadata.name,
    uid: metadata.uid,
    phase,
    podIPs: phase === 'Running' ? podIPs : undefined, // the kubelet forgets them at each of its restarts
    containers: [...initContainerStatuses, ...containerStatuses].map(
      ({ name, containerID, restartCount, state, ready }) => ({
        name,
        containerID,
        restartCount,
        state,
        ready,
      }),
    ),
    // A static pod's history is in no status that an agent reads back; its Ready condition starts anew with each.
    readySince: isStatic ? undefined : conditions.find(({ type }) => type === 'Ready')?.lastTransitionTime,
  };
}

/** The agent has taken in everything: a pod that is made now runs. */
async function untilWorks(name: string): Promise<void> {
  await cluster.createPod(name, { ...RUNNING['config-map'], containers: [{ ...obedient(), ...MOUNT }] });
  await cluster.untilRunning(name);
}

async function expectTakenDown(t: Test, name: string): Promise<void> {
  const uid = uidOf(await cluster.untilRunning(name));
  expected.delete(name);
  await cluster.deletePod(name);
  await cluster.untilGone(name, GONE_DEADLINE_MS);
  await waitFor(
    `what ${name} leaves to go`,
    async () => {
      // The kubelet leaves sandboxes and logs to its garbage collection, once a minute.
      const remnants = (await node.remnants()).filter(line => /^(mount|directory|cgroup) /.test(line));
      const containers = await node.containers(uid);
      const isRunning = containers.some(({ state }) => state === 'CONTAINER_RUNNING');
      return !isRunning && !remnants.some(line => line.includes(uid));
    },
    { deadlineMs: GONE_DEADLINE_MS },
  );
  t.pass(`${name} is taken down`);
}

async function toKubelet(): Promise<void> {
  await agent.stop();
  await kubelet.start({ signal });
  await cluster.untilNodeReady();
}

async function toNodelet(): Promise<void> {
  await kubelet.stop();
  await agent.ensureStarted({ signal });
  await cluster.untilNodeReady();
}

t.test('from nodelet to the kubelet', async t => {
  const before = await facts();
  await toKubelet();
  await untilWorks('new-by-kubelet');
  t.same(await facts(), before);
  await writeFile(`${manifests}/static.yaml`, JSON.stringify(staticPod()));
  await cluster.untilRunning('static-node-1');
  expected.add('static-node-1');
});

t.test('and back, with what the kubelet has made', async t => {
  const before = await facts();
  const plan = await nodeletPlan();
  t.match(plan.from, { name: 'kubelet' });
  t.same(describeChanges(plan), [], 'nothing restarts, it says');
  await toNodelet();
  await untilWorks('new-by-nodelet');
  t.same(await facts(), before);
  await cluster.kubectl('patch', 'configmap', 'settings', '--patch', '{"data":{"color":"blue"}}');
  const { metadata } = await cluster.untilRunning('config-map');
  await waitFor('the file to follow', async () => {
    return (await node.exec(metadata.uid ?? '', 'main', 'cat', '/data/color')) === 'blue';
  });
  await expectTakenDown(t, 'new-by-kubelet');
});

t.test('and once more to the kubelet', async t => {
  const before = await facts();
  await toKubelet();
  await expectTakenDown(t, 'new-by-nodelet');
  t.same(await facts(), before);
});

t.test('no pod was unready for a moment', async t => {
  t.same(unready, []);
  expected.clear();
});

t.test('`nodelet plan` says what restarts, ends and starts, and that is what happens', async t => {
  await kubelet.stop();
  await writeFile(`${manifests}/static.yaml`, JSON.stringify(staticPod({ color: 'red' })));
  await cluster.kubectl('delete', 'pod', 'plain', '--force', '--grace-period=0');
  await cluster.kubectl('set', 'image', 'pod/disk', `main=${IMAGES.busyboxLatest}`);
  const several = await cluster.getPod('several');
  const { id } = await node.container(several?.metadata.uid ?? '', 'one');
  await node.runtime.stopContainer(id, 0, { signal });
  const before = await runningContainers();
  const plan = await nodeletPlan();
  t.same(describeChanges(plan), [
    'disk main restarts',
    'plain main ends',
    'several one starts',
    'static-node-1 main ends',
    'static-node-1 main starts',
  ]);
  await agent.ensureStarted({ signal });
  await waitFor(
    'all of it',
    async () => describeChanges(plan).join() === compareContainers(before, await runningContainers()).join(),
    { deadlineMs: 60_000 },
  );
});

interface ToldPlan {
  readonly from?: object;
  readonly changes: readonly { readonly kind: string; readonly subject: string; readonly change: string }[];
}

async function nodeletPlan(): Promise<ToldPlan> {
  const command = `${process.execPath} ${CHECKOUT}/agent/main.ts plan --config /etc/nodelet/config.yaml --json`;
  const text = await node.shell(`${command} || test $? = 1`);
  return JSON.parse(text) as ToldPlan; // our own words
}

/** `POD CONTAINER restarts`, of this test's pods. */
function describeChanges({ changes }: ToldPlan): readonly string[] {
  return changes
    .filter(({ kind, subject }) => kind === 'container' && subject.startsWith(`${namespace}/`))
    .map(({ subject, change }) => `${subject.slice(namespace.length + 1)} ${change}`)
    .toSorted();
}

type RunningContainers = ReadonlyMap<string, string>;

/** ID by pod UID, pod and container. */
async function runningContainers(): Promise<RunningContainers> {
  const labelSelector = { 'io.kubernetes.pod.namespace': namespace };
  const state = { state: 'CONTAINER_RUNNING' } as const;
  const containers = await node.runtime.listContainers({ labelSelector, state }, { signal });
  return new Map(
    containers.map(({ id, labels }) => {
      const { 'io.kubernetes.pod.uid': uid, 'io.kubernetes.pod.name': pod } = labels;
      return [`${uid} ${pod} ${labels['io.kubernetes.container.name']}`, id];
    }),
  );
}

/** The same words as the plan's, from what became of each. */
function compareContainers(before: RunningContainers, after: RunningContainers): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .flatMap(key => {
      const [, pod, name] = key.split(' ');
      const [old, now] = [before.get(key), after.get(key)];
      if (old === now) return [];
      return [`${pod} ${name} ${old === undefined ? 'starts' : now === undefined ? 'ends' : 'restarts'}`];
    })
    .toSorted();
}
