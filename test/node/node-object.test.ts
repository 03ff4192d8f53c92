// What the Node object says of a node that nothing ails, against the node's own files and the host's.
import { readFile } from 'node:fs/promises';
import { arch, totalmem } from 'node:os';
import t from 'tap';
import type { Lease, Node } from '../../agent/api/objects.ts';
import { leasePath } from '../../agent/api/paths.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const view = await cluster.node();
const { signal } = new AbortController();
const node: Node = await cluster.untilNodeReady();
const architecture = arch() === 'x64' ? 'amd64' : 'arm64';

t.test('labels, addresses and port', t => {
  t.match(node.metadata.labels, {
    'kubernetes.io/hostname': 'node-1',
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': architecture,
  });
  t.same(node.status?.addresses, [
    { type: 'InternalIP', address: view.node.address },
    { type: 'Hostname', address: 'node-1' },
  ]);
  t.equal(node.status?.daemonEndpoints?.kubeletEndpoint?.Port, 10250);
  t.notOk(node.spec?.taints?.some(({ key }) => key.startsWith('node.kubernetes.io/not-ready')));
  t.end();
});

t.test('nodeInfo', async t => {
  const read = async (path: string) => (await readFile(path, 'utf8')).trim();
  const osRelease = await read('/etc/os-release');
  t.match(node.status?.nodeInfo, {
    machineID: (await view.run('cat', '/etc/machine-id')).trim(),
    bootID: await read('/proc/sys/kernel/random/boot_id'),
    kernelVersion: (await view.run('uname', '-r')).trim(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1],
    containerRuntimeVersion: /^containerd:\/\/\d+\.\d+\.\d+/,
    // What the control plane's skew checks read, with our own version behind it.
    kubeletVersion: /^v1\.\d+\.\d+\+nodelet\.\d+\.\d+\.\d+/,
    operatingSystem: 'linux',
    architecture,
  });
  t.ok(node.status?.nodeInfo?.systemUUID);
});

t.test('capacity and allocatable', t => {
  const { capacity = {}, allocatable = {} } = node.status ?? {};
  t.equal(capacity['memory'], `${Math.floor(totalmem() / 1024)}Ki`);
  t.equal(capacity['pods'], '110');
  t.equal(allocatable['pods'], '110');
  t.match(capacity['cpu'], /^\d+$/);
  t.match(capacity['ephemeral-storage'], /^\d+Ki$/);
  t.same(Object.keys(allocatable).toSorted(), Object.keys(capacity).toSorted());
  const memory = (text = '') => Number(text.replace('Ki', ''));
  // The kubelet's default hard eviction threshold is kept back.
  t.equal(memory(capacity['memory']) - memory(allocatable['memory']), 100 * 1024);
  t.end();
});

t.test('conditions with the reasons of the kubelet', t => {
  const conditions = node.status?.conditions?.map(({ type, status, reason, message }) => [
    type,
    status,
    reason,
    message,
  ]);
  t.same(conditions, [
    ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
  ]);
  t.end();
});

t.test('images', t => {
  const names = node.status?.images?.flatMap(image => image.names ?? []) ?? [];
  for (const name of Object.values(IMAGES)) t.ok(names.includes(name), name);
  t.ok(node.status?.images?.every(({ sizeBytes = 0 }) => sizeBytes > 0));
  t.end();
});

t.test('the lease is renewed', async t => {
  const read = async () => await cluster.api.get<Lease>(leasePath('kube-node-lease', 'node-1'), { signal });
  const first = await read();
  t.match(first.spec, { holderIdentity: 'node-1', leaseDurationSeconds: 40 });
  t.match(first.metadata.ownerReferences, [{ kind: 'Node', name: 'node-1', uid: node.metadata.uid }]);
  const next = await waitFor(
    'the next renewal',
    async () => {
      const lease = await read();
      return lease.spec?.renewTime === first.spec?.renewTime ? undefined : lease;
    },
    { deadlineMs: 15_000 },
  );
  const periodMs = Date.parse(next.spec?.renewTime ?? '') - Date.parse(first.spec?.renewTime ?? '');
  t.ok(periodMs > 5000 && periodMs < 15_000, `every 10 s: ${periodMs} ms`);
});
