// PersistentVolumes: claims judged as the kubelet does, data that outlives its pods, devices as file systems and as such.
import '../host/private-namespaces.ts';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { listMounts } from '../../agent/host/mount-info.ts';
import { isMountPoint } from '../../agent/host/mounts.ts';
import { hostPathOf, NAMESPACE, never, VolumeCluster } from './cluster.ts';

spawnSync('ip', ['link', 'set', 'lo', 'up']);
const cluster = await VolumeCluster.start();
t.teardown(() => cluster.stop());
const agent = await cluster.startManager();
t.teardown(() => agent.stop());

const data = join(cluster.rootDir, '../data');
await mkdir(data);

interface Spec {
  readonly source: object;
  readonly annotations?: Record<string, string>;
  readonly accessModes?: readonly string[];
  readonly volumeMode?: string;
  readonly phase?: string;
  readonly host?: string;
}

/** A volume and a claim that are each other's, as the controller would make them. */
async function bind(
  name: string,
  { source, phase = 'Bound', volumeMode = 'Filesystem', host = 'node-1', annotations = {}, ...more }: Spec,
) {
  const accessModes = more.accessModes ?? ['ReadWriteOnce'];
  const storage = '1Gi';
  const claimSpec = {
    accessModes,
    volumeMode,
    resources: { requests: { storage } },
    volumeName: name,
    storageClassName: '',
  };
  await cluster.put('persistentvolumeclaims', name, { kind: 'PersistentVolumeClaim', spec: claimSpec });
  const claim = await cluster.patch<Pod>('persistentvolumeclaims', `${name}/status`, { status: { phase } });
  const claimRef = { namespace: NAMESPACE, name, uid: claim.metadata.uid };
  const nodeAffinity = {
    required: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [host] }] },
      ],
    },
  };
  const spec = { ...source, capacity: { storage }, accessModes, volumeMode, claimRef, nodeAffinity };
  await cluster.create('/api/v1/persistentvolumes', {
    kind: 'PersistentVolume',
    metadata: { name, annotations },
    spec,
  });
}

const claimVolume = (claimName: string) => ({ name: 'data', persistentVolumeClaim: { claimName } });
const uidOf = (pod: Pod): string => pod.metadata.uid ?? '';
const tearDown = (pod: Pod): Promise<void> =>
  agent.manager.teardownVolumes(uidOf(pod), { signal: never, isOrphan: false });

await t.test('a claim that cannot be used yet, and says why', async t => {
  const pod = await cluster.pod('early', [claimVolume('nothing')]);
  const problem = 'error processing PVC default/nothing: failed to fetch PVC from API server: ';
  t.match(await agent.ensure(pod), {
    kind: 'waiting',
    failures: [
      {
        event: {
          reason: 'FailedMount',
          message: new RegExp(
            `^Unable to attach or mount volumes: unmounted volumes=\\[data\\], .*: ${problem}`,
          ),
        },
      },
    ],
  });
  await bind('pending', { source: { hostPath: { path: data } }, phase: 'Pending' });
  const pending = await agent.ensure(await cluster.pod('pending', [claimVolume('pending')]));
  t.match(pending, { failures: [{ message: 'error processing PVC default/pending: PVC is not bound' }] });
});

await t.test('a local directory keeps its data and its group', async t => {
  const path = join(data, 'directory');
  await mkdir(join(path, 'old'), { recursive: true });
  await writeFile(join(path, 'old/file'), 'from before', { mode: 0o600 });
  await bind('directory', { source: { local: { path } } });
  const securityContext = { fsGroup: 4000, fsGroupChangePolicy: 'OnRootMismatch' };
  const pod = await cluster.pod('first', [claimVolume('directory')], { securityContext });
  const mounted = hostPathOf(await agent.ensure(pod), 'data');
  t.equal(mounted, join(cluster.rootDir, 'pods', uidOf(pod), 'volumes/kubernetes.io~local-volume/directory'));
  t.match(await stat(join(mounted, 'old/file')), { gid: 4000, mode: 0o100660 });
  await writeFile(join(mounted, 'new'), 'of the pod');

  const other = { securityContext: { fsGroup: 5000 } };
  const second = await cluster.pod('second', [claimVolume('directory')], other);
  t.match(await agent.ensure(second), { kind: 'ready', warnings: [{ reason: 'AlreadyMountedVolume' }] });
  t.equal((await stat(join(path, 'old/file'))).gid, 4000, 'the first pod keeps its group');
  await tearDown(second);
  await tearDown(pod);
  t.same((await readdir(path)).sort(), ['new', 'old']);
  t.same(await readdir(join(cluster.rootDir, 'pods', uidOf(pod))), []);
});

await t.test('mount options of a directory, and the group of those who use it', async t => {
  const path = join(data, 'options');
  await mkdir(path);
  const annotations = { 'pv.beta.kubernetes.io/gid': '1234' };
  await bind('options', { source: { local: { path }, mountOptions: ['noexec', 'nosuid'] }, annotations });
  const pod = await cluster.pod('options', [claimVolume('options')]);
  const outcome = await agent.ensure(pod);
  t.match(outcome, { volumes: new Map([['data', { groupId: 1234 }]]) });
  const mounted = (await listMounts()).find(({ target }) => target === hostPathOf(outcome, 'data'));
  t.ok(['noexec', 'nosuid'].every(option => mounted?.options.includes(option)));
  await bind('refused', { source: { hostPath: { path }, mountOptions: ['noexec'] } });
  t.match(await agent.ensure(await cluster.pod('refused', [claimVolume('refused')])), {
    failures: [{ message: 'mount options are not supported for this volume type' }],
  });
  await tearDown(pod);
});

await t.test('a path that is not there', async t => {
  await bind('ghost', { source: { local: { path: '/no/such/path' } } });
  t.match(await agent.ensure(await cluster.pod('ghost', [claimVolume('ghost')])), {
    failures: [
      {
        event: {
          message: 'MountVolume.SetUp failed for volume "ghost" : path "/no/such/path" does not exist',
        },
      },
    ],
  });
});

await t.test('a volume of another node', async t => {
  await bind('elsewhere', { source: { local: { path: data } }, host: 'node-2' });
  const message =
    'MountVolume.NodeAffinity check failed for volume "elsewhere" : no matching NodeSelectorTerms';
  const outcome = await agent.ensure(await cluster.pod('elsewhere', [claimVolume('elsewhere')]));
  t.match(outcome, { failures: [{ event: { reason: 'FailedMount', message } }] });
});

await t.test('hostPath is taken as it is, CSI is named as not served', async t => {
  await bind('host', { source: { hostPath: { path: data, type: 'Directory' } } });
  const readOnly = { name: 'data', persistentVolumeClaim: { claimName: 'host', readOnly: true } };
  const outcome = await agent.ensure(await cluster.pod('host', [readOnly]));
  t.match(outcome, { volumes: new Map([['data', { hostPath: data, isReadOnly: true }]]) });
  await bind('vendor', { source: { csi: { driver: 'example.com', volumeHandle: 'x' } } });
  t.match(await agent.ensure(await cluster.pod('vendor', [claimVolume('vendor')])), {
    failures: [{ message: 'volume kind csi (driver example.com) is not supported by this node' }],
  });
});

await t.test('ReadWriteOncePod', async t => {
  await bind('single', { source: { hostPath: { path: data } }, accessModes: ['ReadWriteOncePod'] });
  const one = await cluster.pod('one', [claimVolume('single')]);
  const other = await cluster.pod('other', [claimVolume('single')]);
  t.match(await agent.ensure(one), { kind: 'ready' });
  t.match(await agent.ensure(other), {
    failures: [{ message: /ReadWriteOncePod access mode and is already in use by another pod/ }],
  });
  await tearDown(one);
  t.match(await agent.ensure(other), { kind: 'ready' });
});

await t.test('a device', async t => {
  const image = join(data, 'disk');
  await writeFile(image, '');
  await truncate(image, 16 << 20);
  const { stdout, status } = spawnSync('losetup', ['--find', '--show', image], { encoding: 'utf8' });
  if (status !== 0) {
    t.comment('no loop device here');
    return;
  }
  const device = stdout.trim();
  t.teardown(() => spawnSync('losetup', ['--detach', device]));

  await bind('disk', { source: { local: { path: device } } });
  const pod = await cluster.pod('disk', [claimVolume('disk')]);
  const mounted = hostPathOf(await agent.ensure(pod), 'data');
  t.equal(
    (await listMounts()).find(({ target }) => target === mounted)?.fsType,
    'ext4',
    'formatted and mounted',
  );
  await writeFile(join(mounted, 'kept'), 'on the device');
  await tearDown(pod);
  const devices = join(cluster.rootDir, 'plugins/kubernetes.io/local-volume/mounts');
  t.same(await readdir(devices), [], 'let go with its last pod');
  const again = await cluster.pod('disk-again', [claimVolume('disk')]);
  t.equal(
    await readFile(join(hostPathOf(await agent.ensure(again), 'data'), 'kept'), 'utf8'),
    'on the device',
  );
  await tearDown(again);

  await bind('raw', { source: { local: { path: device } }, volumeMode: 'Block' });
  const main = { name: 'main', image: 'none', volumeDevices: [{ name: 'data', devicePath: '/dev/data' }] };
  const raw = await cluster.pod('raw', [claimVolume('raw')], { containers: [main] });
  t.match(await agent.ensure(raw), { volumes: new Map([['data', { kind: 'device', hostPath: device }]]) });
  const link = join(cluster.rootDir, 'pods', uidOf(raw), 'volumeDevices/kubernetes.io~local-volume/raw');
  t.equal(await readlink(link), device);
  const wrong = await agent.ensure(await cluster.pod('wrong', [claimVolume('raw')]));
  t.match(wrong, {
    failures: [{ message: 'volume data has volumeMode Block, but is specified in volumeMounts' }],
  });
  await tearDown(raw);
  t.notOk(await isMountPoint(device));
});
