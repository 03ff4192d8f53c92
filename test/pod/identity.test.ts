// Names, labels, annotations, log files and cgroups of sandboxes and containers: exactly the kubelet's, so that crictl
// and log shippers see the same and either agent can take over from the other.
import t from 'tap';
import type { Pod, PodSpec } from '../../agent/api/objects.ts';
import { obedient, script, statusOf, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();

t.test('the sandbox', async t => {
  const metadata = { name: 'identity', labels: { app: 'shop', tier: 'web' }, annotations: { note: 'kept' } };
  const ports = [{ name: 'http', containerPort: 8080, protocol: 'TCP' }];
  const containers = [{ ...obedient(), ports }];
  await cluster.createPod('identity', { containers, terminationGracePeriodSeconds: 7 }, metadata);
  const pod = await cluster.untilRunning('identity');
  const uid = uidOf(pod);
  const [sandbox] = await node.sandboxes(uid);
  t.same(sandbox?.metadata, { name: 'identity', uid, namespace: cluster.namespace, attempt: 0 });
  t.same(sandbox?.labels, {
    app: 'shop',
    tier: 'web',
    'io.kubernetes.pod.name': 'identity',
    'io.kubernetes.pod.namespace': cluster.namespace,
    'io.kubernetes.pod.uid': uid,
  });
  t.match(sandbox?.annotations, {
    note: 'kept',
    'kubernetes.io/config.source': 'api',
    'kubernetes.io/config.seen': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)$/,
  });
});

t.test('the container', async t => {
  const pod = await cluster.untilRunning('identity');
  const uid = uidOf(pod);
  const container = await node.container(uid, 'main');
  t.same(container.metadata, { name: 'main', attempt: 0 });
  t.same(container.labels, {
    'io.kubernetes.container.name': 'main',
    'io.kubernetes.pod.name': 'identity',
    'io.kubernetes.pod.namespace': cluster.namespace,
    'io.kubernetes.pod.uid': uid,
  });
  const { 'io.kubernetes.container.hash': hash, ...annotations } = container.annotations;
  t.match(hash, /^[0-9a-f]{1,8}$/);
  t.same(annotations, {
    'io.kubernetes.container.restartCount': '0',
    'io.kubernetes.container.terminationMessagePath': '/dev/termination-log',
    'io.kubernetes.container.terminationMessagePolicy': 'File',
    'io.kubernetes.pod.terminationGracePeriod': '7',
    'io.kubernetes.container.ports': '[{"name":"http","containerPort":8080,"protocol":"TCP"}]',
  });
  t.equal(statusOf(pod).containerID, `containerd://${container.id}`);
});

t.test('the log files', async t => {
  const pod = await cluster.untilRunning('identity');
  const { id } = await node.container(uidOf(pod), 'main');
  const log = `/var/log/pods/${cluster.namespace}_identity_${uidOf(pod)}/main/0.log`;
  t.match(await node.readFile(log), /^\d{4}-\S+ stdout F ready\n/);
  const link = `/var/log/containers/identity_${cluster.namespace}_main-${id}.log`;
  t.equal((await node.run('readlink', link)).trim(), log);
});

t.test('a restarted container: attempt, annotation and log file count up, the last log stays', async t => {
  const volumes = [{ name: 'state', emptyDir: {} }];
  const volumeMounts = [{ name: 'state', mountPath: '/state' }];
  const text = 'echo begin; test -e /state/tried && exec sleep 1000; touch /state/tried; exit 1';
  await cluster.createPod('restarts', { volumes, containers: [script(text, { volumeMounts })] });
  const pod = await cluster.untilPod('restarts', 'running after one restart', pod => {
    const { restartCount, state } = statusOf(pod);
    return restartCount === 1 && state.running !== undefined;
  });
  const uid = uidOf(pod);
  const container = await node.container(uid, 'main');
  t.equal(container.metadata?.attempt, 1);
  t.equal(container.annotations['io.kubernetes.container.restartCount'], '1');
  const directory = `/var/log/pods/${cluster.namespace}_restarts_${uid}/main`;
  t.same(await node.list(directory), ['0.log', '1.log']);
  t.match(await node.readFile(`${directory}/0.log`), /stdout F begin\n$/);
});

t.test('the node shows a killed sandbox as a new attempt', async t => {
  const before = await cluster.createRunningPod('sandbox-dies');
  const uid = uidOf(before);
  const [sandbox] = await node.sandboxes(uid);
  await node.shell(`ctr -n k8s.io tasks kill -s KILL ${sandbox?.id ?? ''}`);
  const after = await cluster.untilPod('sandbox-dies', 'running again', pod => {
    const { restartCount, state } = statusOf(pod);
    return restartCount === 1 && state.running !== undefined && pod.status?.podIP !== undefined;
  });
  const ready = (await node.sandboxes(uid)).filter(({ state }) => state === 'SANDBOX_READY');
  t.same(
    ready.map(({ metadata }) => metadata?.attempt),
    [1],
  );
  await cluster.untilEvent(after, 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
});

/** The value of a v1 cgroup file of the pod, or of its container. */
async function readCgroup(path: string, controller: string, file: string): Promise<number> {
  return Number(await node.shell(`cat ${await node.cgroupRoot(controller)}${path}/${file}`));
}

async function create(name: string, resources: object, spec: Partial<PodSpec> = {}): Promise<Pod> {
  await cluster.createPod(name, { ...spec, containers: [{ ...obedient(), resources }] });
  return await cluster.untilRunning(name);
}

t.test('cgroups of a Guaranteed pod', async t => {
  const amounts = { cpu: '200m', memory: '64Mi' };
  const pod = await create('guaranteed', { requests: amounts, limits: amounts });
  t.equal(pod.status?.qosClass, 'Guaranteed');
  const podPath = `/kubepods/pod${uidOf(pod)}`;
  const { id } = await node.container(uidOf(pod), 'main');
  for (const path of [podPath, `${podPath}/${id}`]) {
    t.equal(await readCgroup(path, 'cpu', 'cpu.shares'), 204);
    t.equal(await readCgroup(path, 'cpu', 'cpu.cfs_quota_us'), 20_000);
    t.equal(await readCgroup(path, 'cpu', 'cpu.cfs_period_us'), 100_000);
    t.equal(await readCgroup(path, 'memory', 'memory.limit_in_bytes'), 64 * 1024 * 1024);
  }
  t.match(statusOf(pod), { allocatedResources: amounts, resources: { requests: amounts, limits: amounts } });
});

t.test('cgroups of a Burstable pod', async t => {
  const pod = await create('burstable', { requests: { cpu: '100m' }, limits: { memory: '32Mi' } });
  t.equal(pod.status?.qosClass, 'Burstable');
  const podPath = `/kubepods/burstable/pod${uidOf(pod)}`;
  t.equal(await readCgroup(podPath, 'cpu', 'cpu.shares'), 102);
  t.equal(await readCgroup(podPath, 'cpu', 'cpu.cfs_quota_us'), -1);
  t.equal(await readCgroup(podPath, 'memory', 'memory.limit_in_bytes'), 32 * 1024 * 1024);
});

t.test('cgroups of a BestEffort pod', async t => {
  const pod = await create('besteffort', {});
  t.equal(pod.status?.qosClass, 'BestEffort');
  const podPath = `/kubepods/besteffort/pod${uidOf(pod)}`;
  const { id } = await node.container(uidOf(pod), 'main');
  t.equal(await readCgroup(podPath, 'cpu', 'cpu.shares'), 2);
  t.equal(await readCgroup('/kubepods/besteffort', 'cpu', 'cpu.shares'), 2);
  t.ok((await node.cgroups()).includes(`${podPath}/${id}`));
  await cluster.deletePod('besteffort');
  await cluster.untilGone('besteffort');
  await waitFor('its cgroup to go', async () => !(await node.cgroups()).includes(podPath));
});
