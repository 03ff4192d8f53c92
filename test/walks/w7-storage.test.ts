// W7, storage as a person uses it: claims and data that stays, volumes that pods share, limits, refusals.
import t from 'tap';
import { obedient, statusOf, uidOf, useCluster } from '../support/cluster.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const { signal } = new AbortController();
const DATA = '/var/lib/nodelet-w7';

await node.shell(`mkdir -p ${DATA}/local ${DATA}/host`);
t.teardown(() => node.shell(`rm -rf ${DATA}`));

async function createVolume(name: string, source: object): Promise<void> {
  const required = {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] }] },
    ],
  };
  const storage = '1Gi';
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: `w7-${name}` };
  const fullName = `${cluster.namespace}-${name}`;
  // For each other from the start: what is matched by the controller may take it a quarter of a minute.
  const claimRef = { namespace: cluster.namespace, name };
  const spec = { ...source, ...common, capacity: { storage }, nodeAffinity: { required }, claimRef };
  const volume = { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: fullName }, spec };
  await cluster.api.create('/api/v1/persistentvolumes', volume, { signal });
  t.teardown(() => cluster.api.delete(`/api/v1/persistentvolumes/${fullName}`, undefined, { signal }));
  await cluster.create('persistentvolumeclaims', name, {
    spec: { ...common, volumeName: fullName, resources: { requests: { storage } } },
  });
}

const claim = (claimName: string) => [{ name: 'data', persistentVolumeClaim: { claimName } }];
const mounts = (more: object = {}) => [{ name: 'data', mountPath: '/data', ...more }];

for (const [name, source] of [
  ['local', { local: { path: `${DATA}/local` } }],
  ['host', { hostPath: { path: `${DATA}/host` } }],
] as const) {
  t.test(`data on a ${name} volume outlives its pod`, async t => {
    await createVolume(name, source);
    const spec = { containers: [{ ...obedient(), volumeMounts: mounts() }], volumes: claim(name) };
    await cluster.createPod(`${name}-1`, spec);
    const first = await cluster.untilRunning(`${name}-1`);
    await node.exec(uidOf(first), 'main', 'sh', '-c', 'echo kept > /data/file');
    await cluster.deletePod(`${name}-1`, 1);
    await cluster.untilGone(`${name}-1`);
    await cluster.createPod(`${name}-2`, {
      ...spec,
      containers: [{ ...obedient(), volumeMounts: mounts({ readOnly: true }) }],
    });
    const second = await cluster.untilRunning(`${name}-2`);
    t.equal(await node.exec(uidOf(second), 'main', 'cat', '/data/file'), 'kept\n');
    await t.rejects(node.exec(uidOf(second), 'main', 'touch', '/data/other'), /Read-only file system/);
    // A hostPath is a part of the node's own file system and has no figures.
    const metrics = await cluster.kubectl('get', '--raw', '/api/v1/nodes/node-1/proxy/metrics');
    const labels = `{namespace="${cluster.namespace}",persistentvolumeclaim="${name}"}`;
    t.equal(metrics.includes(`kubelet_volume_stats_used_bytes${labels}`), name === 'local');
  });
}

t.test('a hostPath that is not what it should be is refused', async () => {
  const volumes = [{ name: 'data', hostPath: { path: `${DATA}/not-there`, type: 'Directory' } }];
  const pod = await cluster.createPod('wrong', {
    containers: [{ ...obedient(), volumeMounts: mounts() }],
    volumes,
  });
  const text = `MountVolume.SetUp failed for volume "data" : hostPath type check failed: ${DATA}/not-there is not a directory`;
  await cluster.untilEvent(pod, 'FailedMount', text);
});

t.test('containers share an emptyDir, which goes with the pod', async t => {
  const volumes = [{ name: 'data', emptyDir: {} }];
  const writer = {
    ...obedient(),
    command: ['sh', '-c', 'echo shared > /data/file; sleep 1000'],
    volumeMounts: mounts(),
  };
  await cluster.createPod('shared', {
    containers: [writer, { ...obedient('side'), volumeMounts: mounts() }],
    volumes,
  });
  const pod = await cluster.untilRunning('shared');
  t.equal(await node.exec(uidOf(pod), 'side', 'cat', '/data/file'), 'shared\n');
  await cluster.deletePod('shared', 1);
  await cluster.untilGone('shared');
  t.same(await node.list(`/var/lib/kubelet/pods/${uidOf(pod)}/volumes`), []);
});

t.test('an emptyDir in memory has its limit', async t => {
  const volumes = [{ name: 'data', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }];
  await cluster.createPod('memory', { containers: [{ ...obedient(), volumeMounts: mounts() }], volumes });
  const pod = await cluster.untilRunning('memory');
  const fill = node.exec(uidOf(pod), 'main', 'dd', 'if=/dev/zero', 'of=/data/file', 'bs=1M', 'count=2');
  await t.rejects(fill, /No space left on device/);
});

t.test('who takes more disk than allowed is evicted', async t => {
  const dd = (file: string) => ['sh', '-c', `dd if=/dev/zero of=${file} bs=1M count=4; sleep 1000`];
  const limits = { 'ephemeral-storage': '2Mi' };
  const small = { name: 'data', emptyDir: { sizeLimit: '2Mi' } };
  const greedy = { ...obedient(), command: dd('/data/file'), volumeMounts: mounts() };
  await cluster.createPod('greedy-volume', { containers: [greedy], volumes: [small] });
  await cluster.createPod('greedy-layer', {
    containers: [{ ...obedient(), command: dd('/file'), resources: { limits } }],
  });
  const volume = await cluster.untilPhase('greedy-volume', 'Failed');
  t.match(volume.status, {
    reason: 'Evicted',
    message: 'Usage of EmptyDir volume "data" exceeds the limit "2Mi". ',
  });
  const layer = await cluster.untilPhase('greedy-layer', 'Failed');
  const text = 'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ';
  t.match(layer.status, { reason: 'Evicted', message: text });
  t.ok(statusOf(layer).state.terminated, 'its container has ended');
  await cluster.untilEvent(layer, 'Evicted', text);
});
