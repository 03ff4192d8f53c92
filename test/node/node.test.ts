import t from 'tap';
import type { KubeObject, Lease, Node } from '../../agent/api/objects.ts';
import { NodeCluster } from './node-cluster.ts';

t.setTimeout(240_000);
const cluster = await NodeCluster.start(AbortSignal.timeout(230_000));
t.teardown(() => cluster.stop());

const CONFLIST = '/etc/cni/net.d/10-nodelet.conflist';
const OTHER_CONFLIST = '/etc/cni/net.d/05-other.conflist';
const PEER_ROUTES = 'ip route show proto 107';
const RULE_COUNT = 'iptables-save | grep -c NODELET';

t.test('a node describes itself as the kubelet does', async t => {
  const node = await cluster.get<Node>('node', 'node-1');
  t.match(node.metadata.labels, { 'kubernetes.io/hostname': 'node-1', 'kubernetes.io/os': 'linux' });
  t.match(node.status?.nodeInfo?.kubeletVersion, /^v1\.\d+\.\d+\+nodelet\./);
  t.match(node.status?.addresses, [{ type: 'InternalIP' }, { type: 'Hostname', address: 'node-1' }]);
  t.match(node.status?.allocatable, { cpu: /^\d/, memory: /Ki$/, pods: '110' });
  t.strictSame(
    node.status?.conditions?.map(({ type, status }) => `${type}=${status}`),
    ['MemoryPressure=False', 'DiskPressure=False', 'PIDPressure=False', 'Ready=True'],
  );
  const lease = await cluster.get<Lease>('lease', 'node-1', '-n', 'kube-node-lease');
  t.equal(lease.metadata.ownerReferences?.[0]?.uid, node.metadata.uid);
  t.equal(lease.spec?.holderIdentity, 'node-1');
  const csiNode = await cluster.get<KubeObject>('csinode', 'node-1');
  t.equal(csiNode.metadata.ownerReferences?.[0]?.uid, node.metadata.uid);
});

t.test('pods and nodes reach each other, and pods the outside', async t => {
  const [web1, web2] = await Promise.all([
    cluster.startWeb('web-1', 'node-1'),
    cluster.startWeb('web-2', 'node-2'),
  ]);
  const { subnet } = cluster.sandbox;
  const fetchAll = [web1, web2]
    .map((ip, index) => `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${ip} 8080 | grep -q web-${index + 1}`)
    .join(' && ');
  t.match(await cluster.sh('node-1', `curl -s -m 5 http://${web1}:8080/`), 'pod web-1');
  t.match(await cluster.sh('node-1', `curl -s -m 5 http://${web2}:8080/`), 'pod web-2');
  t.equal(await cluster.runPod('to-pods', 'node-1', fetchAll), 'Succeeded');
  // The control plane has no route to pods: only a masqueraded connection gets its answer.
  const outside = `nc -w 3 ${subnet.controlPlane} 6443 </dev/null`;
  t.equal(await cluster.runPod('to-outside', 'node-2', outside), 'Succeeded');
  await cluster.sh('node-2', 'iptables -P FORWARD DROP');
  t.equal(await cluster.runPod('through-drop', 'node-1', fetchAll), 'Succeeded');
  await cluster.sh('node-2', 'iptables -P FORWARD ACCEPT');
});

t.test('a runtime that restarts leaves no trace, one that is away is named', async t => {
  const { containerd } = cluster.sandbox.node('node-1');
  const before = await cluster.get<Node>('node', 'node-1');
  await containerd.stop();
  await containerd.ensureStarted({ signal: cluster.signal });
  const changedAt = (node: Node): string | undefined =>
    node.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
  t.equal(changedAt(await cluster.get<Node>('node', 'node-1')), changedAt(before));
  await containerd.stop('SIGKILL');
  await cluster.eventually('NotReady', async () => (await cluster.ready('node-1')).status === 'False');
  t.match((await cluster.ready('node-1')).message, /container runtime is down: .*containerd\.sock/);
  await containerd.ensureStarted({ signal: cluster.signal });
  await cluster.eventually('Ready again', async () => (await cluster.ready('node-1')).status === 'True');
});

t.test('the network is left to another CNI and taken back when it goes', async t => {
  await cluster.sh('node-1', `sed s/nodelet/other/ ${CONFLIST} > ${OTHER_CONFLIST}`);
  await cluster.eventually('nothing of ours is left', async () => {
    const left = await cluster.sh('node-1', `ls ${CONFLIST} 2>/dev/null; ${PEER_ROUTES}; ${RULE_COUNT}`);
    return left === '0';
  });
  await cluster.sh('node-1', `echo broken > ${OTHER_CONFLIST}`);
  await cluster.eventually('NotReady', async () => (await cluster.ready('node-1')).status === 'False');
  t.match((await cluster.ready('node-1')).message, 'NetworkReady=false reason:NetworkPluginNotReady');
  await cluster.sh('node-1', `rm ${OTHER_CONFLIST}`);
  await cluster.eventually('Ready again', async () => (await cluster.ready('node-1')).status === 'True');
  await cluster.eventually('routes again', async () => (await cluster.sh('node-1', PEER_ROUTES)) !== '');
});

t.test('resources that others advertise become allocatable', async () => {
  const advertise = (amount: string | null): Promise<string> => {
    const patch = JSON.stringify({ status: { capacity: { 'example.com/dongle': amount } } });
    return cluster.kubectl('patch', 'node', 'node-1', '--subresource=status', '-p', patch);
  };
  const allocatable = async (): Promise<string | undefined> =>
    (await cluster.get<Node>('node', 'node-1')).status?.allocatable?.['example.com/dongle'];
  await advertise('4');
  await cluster.eventually('it is allocatable', async () => (await allocatable()) === '4');
  await advertise(null);
  await cluster.eventually('it is gone', async () => (await allocatable()) === undefined);
});

t.test('an agent that starts again writes what changed and nothing else', async t => {
  const { agent } = cluster.sandbox.node('node-1');
  const lastingParts = async (): Promise<unknown> => {
    const { metadata, status } = await cluster.get<Node>('node', 'node-1');
    const conditions = status?.conditions?.map(condition => ({ ...condition, lastHeartbeatTime: '' }));
    return { labels: metadata.labels, uid: metadata.uid, ...status, conditions };
  };
  const before = await lastingParts();
  const leaseBefore = (await cluster.get<Lease>('lease', 'node-1', '-n', 'kube-node-lease')).spec?.renewTime;
  await agent.kill();
  await agent.ensureStarted({ signal: cluster.signal });
  await cluster.eventually('the lease is renewed', async () => {
    const lease = await cluster.get<Lease>('lease', 'node-1', '-n', 'kube-node-lease');
    return lease.spec?.renewTime !== leaseBefore;
  });
  t.strictSame(await lastingParts(), before);
});

t.test('the route to a node goes with it and comes back with it', async t => {
  await cluster.sandbox.node('node-2').agent.stop();
  await cluster.kubectl('delete', 'node', 'node-2');
  await cluster.eventually('no route', async () => (await cluster.sh('node-1', PEER_ROUTES)) === '');
  await cluster.sandbox.node('node-2').agent.ensureStarted({ signal: cluster.signal });
  await cluster.eventually('a route', async () => (await cluster.sh('node-1', PEER_ROUTES)) !== '');
  await cluster.eventually('Ready', async () => (await cluster.ready('node-2')).status === 'True');
  const { podCIDR } = (await cluster.get<Node>('node', 'node-2')).spec ?? {};
  t.match(await cluster.sh('node-1', PEER_ROUTES), podCIDR ?? 'a podCIDR');
});
