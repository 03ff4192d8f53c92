// Packets of both IP families: between pods, through Services, from nodes. And what happens when something goes wrong with
// the network: somebody else's configuration, what a runtime forgot.
import { join } from 'node:path';
import t from 'tap';
import type { Pod, Service } from '../../agent/api/objects.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import {
  ask,
  askByUDP,
  askOften,
  Backends,
  clusterIP,
  HTTP_PORT,
  nodePort,
  UDP_PORT,
} from '../proxy/backends.ts';
import { readyCondition, uidOf } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { useOwnCluster } from './own-sandbox.ts';

t.setTimeout(180_000);
const { signal } = new AbortController();
const cluster = await useOwnCluster(t);
const backends = new Backends(cluster);
const [node1, node2] = [await cluster.node('node-1'), await cluster.node('node-2')];
const MAIN = join(CHECKOUT, 'agent', 'main.ts');
const FAMILIES = [4, 6] as const;
type Family = (typeof FAMILIES)[number];

const [near, far] = await Promise.all([
  backends.createServer('near', 'web', 'node-1'),
  backends.createServer('far', 'web', 'node-2'),
]);
const NEAR = addressesOf(near);
const FAR = addressesOf(far);
const service = await backends.createService('both', 'web', {
  type: 'NodePort',
  ipFamilyPolicy: 'RequireDualStack',
});

function addressesOf({ status }: Pod): readonly string[] {
  return (status?.podIPs ?? []).map(({ ip }) => ip);
}

function ofFamily(addresses: readonly string[], family: Family): string {
  return addresses.find(address => address.includes(':') === (family === 6)) ?? '';
}

/** What a server says that `near` asks. */
async function askFromPod(from: string, host: string, port: number, request = 'hostname'): Promise<string> {
  const dial = `dial?host=${host}&port=${port}&request=${request}&protocol=http&tries=1`;
  return await ask(node1, `${inUrl(from)}:${HTTP_PORT}`, dial);
}

function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function nodeAddressOf(name: string, family: Family): string {
  const { address, address6 = '' } = cluster.sandbox.node(name);
  return family === 4 ? address : address6;
}

for (const family of FAMILIES) {
  t.test(`IPv${family}: pods reach each other across nodes with their own addresses`, async t => {
    const [here, there] = [ofFamily(NEAR, family), ofFamily(FAR, family)];
    t.not(there, '', `an address of the family among ${FAR.join(', ')}`);
    const answer = await askFromPod(here, there, HTTP_PORT, 'clientip');
    t.match(answer, `${inUrl(here)}:`, 'the server sees the pod, not its node');
    t.equal(await ask(node1, `${inUrl(there)}:${HTTP_PORT}`), 'far', 'and nodes reach it');
  });

  t.test(`IPv${family}: cluster IP and node ports`, async t => {
    const address = inUrl(ofFamily(service.spec?.clusterIPs ?? [], family));
    for (const node of [node1, node2]) {
      await waitFor(`${node.name} to ${address}`, async () => (await askOften(node, address)).length === 2);
      t.same(await askOften(node, address), ['far', 'near']);
    }
    const from = await askFromPod(
      ofFamily(NEAR, family),
      ofFamily(service.spec?.clusterIPs ?? [], family),
      80,
    );
    t.match(from, /near|far/, 'from a pod');
    for (const to of ['node-1', 'node-2']) {
      const target = `${inUrl(nodeAddressOf(to, family))}:${nodePort(service)}`;
      t.same(await askOften(node1, target), ['far', 'near'], target);
    }
  });
}

t.test('a Service of one family has no rules of the other, and is refused without endpoints', async t => {
  const only = await cluster.create<Service>('services', 'only-6', {
    spec: { ipFamilies: ['IPv6'], selector: { app: 'nobody' }, ports: [{ port: 80 }] },
  });
  const address = inUrl(only.spec?.clusterIP ?? '');
  await waitFor('to be refused', async () => /refused|Couldn't connect/.test(await ask(node1, address)));
  t.match(await node1.shell('ip6tables-save -t filter'), `${cluster.namespace}/only-6 has no endpoints`);
  t.notMatch(await node1.shell('iptables-save'), `${cluster.namespace}/only-6`);
});

t.test('flushed IPv6 rules are put back, health speaks of both families', async t => {
  const address = inUrl(ofFamily(service.spec?.clusterIPs ?? [], 6));
  await node1.shell('ip6tables -t nat -F');
  await waitFor('rules', async () => /near|far/.test(await ask(node1, address)), { pollMs: 5 });
  const health = await ask(node2, `${cluster.sandbox.node('node-1').address}:10256`, 'healthz');
  t.match(JSON.parse(health), { status: { IPv4: { healthy: true }, IPv6: { healthy: true } } });
});

t.test('host ports of each protocol, on all addresses or on one; limits of bandwidth', async t => {
  const [ipv4, ipv6] = [nodeAddressOf('node-1', 4), nodeAddressOf('node-1', 6)];
  const ports = [
    { containerPort: HTTP_PORT, hostPort: 8282 },
    { containerPort: UDP_PORT, hostPort: 8282, protocol: 'UDP' as const },
    { containerPort: HTTP_PORT, hostPort: 8283, hostIP: ipv4 },
    { containerPort: HTTP_PORT, hostPort: 8283, hostIP: '127.0.0.1' },
    { containerPort: HTTP_PORT, hostPort: 8284, hostIP: ipv6 },
  ];
  const annotations = { 'kubernetes.io/ingress-bandwidth': '8M', 'kubernetes.io/egress-bandwidth': '9M' };
  await backends.createServer('ports', 'ports', 'node-1', { ports }, annotations);
  for (const target of [`${ipv4}:8282`, `[${ipv6}]:8282`, `${ipv4}:8283`, `[${ipv6}]:8284`]) {
    t.equal(await ask(node2, target), 'ports', target);
  }
  for (const port of [8282, 8283]) t.equal(await ask(node1, `127.0.0.1:${port}`), 'ports', `${port} here`);
  t.equal(await askByUDP(node2, ipv4, 8282, 40_282), 'ports', 'UDP');
  t.match(await ask(node2, `${ipv4}:8284`), /refused|Couldn't connect/, 'the port of another address');
  const shaped = await node1.shell('tc qdisc show | grep tbf');
  t.match(shaped, 'rate 8Mbit');
  t.match(shaped, 'rate 9Mbit');
  await cluster.deletePod('ports', 0);
  const rules = "(iptables-save; ip6tables-save) | grep -c -- '--dport 828[234]' || true";
  await waitFor('nothing to be left', async () => (await node1.shell(rules)) === '0\n');
});

t.test('what a runtime forgets without taking it off the network is released', async t => {
  const container = { image: IMAGES.web, ports: [{ containerPort: HTTP_PORT, hostPort: 8181 }] };
  const pod = await cluster.createPod('forgotten', { containers: [container] });
  await cluster.untilRunning('forgotten');
  const hostPort = `${nodeAddressOf('node-1', 4)}:8181`;
  await waitFor('the host port', async () => (await ask(node2, hostPort)).includes('pod forgotten'));
  const [sandbox] = await node1.sandboxes(uidOf(pod));
  await node1.node.agent.stop();
  await cluster.deletePod('forgotten', 0);
  await forget(await node1.containers(uidOf(pod)), sandbox?.id ?? '');
  await node1.node.containerd.stop('SIGKILL');
  await node1.node.containerd.ensureStarted({ signal });
  const remains = `iptables-save -t nat | grep -c ${sandbox?.id}; ls /var/lib/cni/results | grep -c nodelet-${sandbox?.id}`;
  t.equal(await node1.shell(`(${remains}) || true`), '1\n1\n', 'it is all still there');

  await node1.shell('touch -d "10 minutes ago" /var/lib/cni/results/* /run/nodelet/cni-ipam/nodelet/*');
  await node1.shell('ip link set eth0 mtu 1400');
  t.teardown(() => node1.shell('ip link set eth0 mtu 1500'));
  await node1.node.agent.ensureStarted({ signal });
  await waitFor('nothing to be left', async () => (await node1.shell(`(${remains}) || true`)) === '0\n0\n');
  t.match(await ask(node2, hostPort), /refused|Couldn't connect/);
  await cluster.createPod('next', { containers: [container] });
  await cluster.untilRunning('next');
  t.match(await ask(node2, hostPort), 'pod next', 'the port is free for the next one');
  t.match(
    await node1.shell('ip link show type veth'),
    'mtu 1400',
    'frames fit through the uplink as it is now',
  );
  t.match(await ask(node1, `${inUrl(NEAR[0] ?? '')}:${HTTP_PORT}`), 'near', 'others keep what they have');
});

t.test('a CNI configuration that breaks or changes hands shows in Ready within a second', async t => {
  const directory = '/etc/cni/net.d';
  const other = JSON.stringify({
    cniVersion: '1.0.0',
    name: 'other',
    plugins: [{ type: 'ptp', ipam: { type: 'host-local', ranges: [[{ subnet: '10.250.0.0/24' }]] } }],
  });
  const nodeSays = async (): Promise<string> => readyCondition(await cluster.getNode())?.message ?? '';
  await node1.shell(
    `echo '{ broken' > ${directory}/.new && mv ${directory}/.new ${directory}/05-other.conflist`,
  );
  const brokenAtMs = performance.now();
  await waitFor('NotReady', async () => /cni|network/i.test(await nodeSays()), { pollMs: 20 });
  t.ok(performance.now() - brokenAtMs < 3_000, `after ${Math.round(performance.now() - brokenAtMs)} ms`);
  await node1.shell(
    `echo '${other}' > ${directory}/.new && mv ${directory}/.new ${directory}/05-other.conflist`,
  );
  await cluster.untilNodeReady();
  t.notMatch(await node1.shell(`ls ${directory}`), '10-nodelet', 'the network is the other one now');
  t.equal(await node1.shell('ip route show proto 107; iptables-save | grep -c NODELET || true'), '0\n');
  await node1.shell(`rm ${directory}/05-other.conflist`);
  await waitFor('our own again', async () => (await node1.shell(`ls ${directory}`)).includes('10-nodelet'));
  await cluster.untilNodeReady();
  await waitFor('the way to other nodes', async () => (await ask(node1, `${FAR[0]}:${HTTP_PORT}`)) === 'far');
});

t.test('cleanup takes all of it away, and the older iptables does the same work', async t => {
  const { agent } = node2.node;
  const isLegacyThere = (await node2.shell('iptables-legacy-save 2>&1 || echo missing')).trim() !== 'missing';
  if (!isLegacyThere) return t.pass('not installed here');
  t.teardown(async () => {
    await useIptables('nft');
    await node2.shell('iptables -t nat -F SOMEBODY && iptables -t nat -X SOMEBODY');
    await agent.ensureStarted({ signal });
  });
  await node2.shell('iptables -t nat -N SOMEBODY && iptables -t nat -A SOMEBODY -j RETURN');
  await agent.stop();
  await node2.run(process.execPath, MAIN, 'cleanup', '--config', '/etc/nodelet/config.yaml');
  for (const save of ['iptables-save', 'ip6tables-save']) {
    t.notMatch(await node2.run(save), /KUBE-|NODELET-/, `${save} has nothing of ours`);
  }
  t.match(await node2.run('iptables-save'), ':SOMEBODY', 'but what others made');
  t.equal(await node2.run('ip', 'route', 'show', 'proto', '107'), '');

  await useIptables('legacy');
  await agent.ensureStarted({ signal });
  for (const family of FAMILIES) {
    const address = inUrl(ofFamily(service.spec?.clusterIPs ?? [], family));
    await waitFor(address, async () => (await askOften(node2, address)).length === 2);
    t.same(await askOften(node2, `${inUrl(nodeAddressOf('node-2', family))}:${nodePort(service)}`), [
      'far',
      'near',
    ]);
    const command = family === 4 ? 'iptables' : 'ip6tables';
    t.match(await node2.run(`${command}-legacy-save`), 'KUBE-SERVICES');
    t.notMatch(await node2.run(`${command}-nft-save`), 'KUBE-');
    await node2.shell(`${command} -t nat -F`);
    await waitFor('flushed', async () => (await askOften(node2, address)).length === 2, { pollMs: 5 });
  }
  await t.test('a lock that somebody holds for longer than anybody waits', async t => {
    const failures = /^kubeproxy_sync_proxy_rules_iptables_restore_failures_total\{ip_family="IPv4"\} (\d+)/m;
    const count = async (): Promise<number> =>
      Number(failures.exec(await ask(node2, '127.0.0.1:10249', 'metrics'))?.[1] ?? 0);
    const before = await count();
    const holding = node2.shell('flock /run/xtables.lock sh -c "touch /run/held; sleep 7; rm /run/held"');
    await waitFor('the lock', async () => (await node2.shell('ls /run')).includes('held'));
    const late = await backends.createService('late', 'web');
    await waitFor('a failure to be counted', async () => (await count()) > before);
    await holding;
    await waitFor('the rules', async () => (await askOften(node2, clusterIP(late))).length === 2);
    t.ok((await count()) - before <= 2, 'one try after the other, each with its wait');
  });
  await agent.stop();
  await node2.run(process.execPath, MAIN, 'cleanup', '--config', '/etc/nodelet/config.yaml');
  t.notMatch(await node2.run('iptables-legacy-save'), /KUBE-|NODELET-/);
});

/** Which one the node's `iptables` is, as update-alternatives(1) does it. */
async function useIptables(kind: 'nft' | 'legacy'): Promise<void> {
  for (const family of ['iptables', 'ip6tables']) {
    for (const part of ['', '-save', '-restore']) {
      await node2.run(
        'ln',
        '-sf',
        `/usr/sbin/${family}-${kind}${part}`,
        `/etc/alternatives/${family}${part}`,
      );
    }
  }
}

/** The runtime's own records of a pod go, nothing else. */
async function forget(containers: readonly { readonly id: string }[], sandboxId: string): Promise<void> {
  for (const id of [...containers.map(container => container.id), sandboxId]) {
    const ctr = 'ctr -n k8s.io';
    await node1.shell(`${ctr} tasks kill -s 9 ${id} || true`);
    await waitFor('the task to end', async () => {
      await node1.shell(`${ctr} tasks rm -f ${id} || true`);
      return !(await node1.shell(`${ctr} tasks list -q`)).includes(id);
    });
    await node1.shell(`${ctr} containers rm ${id}`);
  }
}
