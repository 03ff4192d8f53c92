// Services by real packets on two nodes: who answers, with whose address, and what happens when endpoints go.
import t from 'tap';
import { useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, askByUDP, askOften, Backends, clusterIP, HTTP_PORT, nodePort, podIP } from './backends.ts';

// curl's words for a connection that is refused at once; one that gets no answer has `timed out`.
const REFUSED = /Couldn't connect|refused/;
// No rule is about it, so it takes the way out of the node: what answers there, or nothing, is not ours.
const NOT_OURS = /Couldn't connect|refused|timed out/;

t.setTimeout(120_000);
const cluster = await useCluster(t);
const backends = new Backends(cluster);
const [node1, node2] = [await cluster.node('node-1'), await cluster.node('node-2')];
const [address1, address2] = ['node-1', 'node-2'].map(name => cluster.sandbox.node(name).address);
await Promise.all([
  backends.createServer('near', 'web', 'node-1'),
  backends.createServer('far', 'web', 'node-2'),
]);

t.test('a cluster IP leads to every endpoint, from both nodes', async t => {
  const service = await backends.createService('plain', 'web');
  await waitFor('both to answer', async () => (await askOften(node1, clusterIP(service))).length === 2);
  t.same(await askOften(node1, clusterIP(service)), ['far', 'near']);
  t.same(await askOften(node2, clusterIP(service)), ['far', 'near']);
  t.match(await ask(node1, `${clusterIP(service)}:81`), NOT_OURS, 'no other port');
});

t.test('a pod that reaches itself through its Service', async t => {
  const service = await backends.createService('mirror', 'mirror');
  const pod = await backends.createServer('mirror', 'mirror');
  const dial = `dial?host=${clusterIP(service)}&port=80&request=hostname&protocol=http&tries=1`;
  await waitFor('itself', async () =>
    (await ask(node1, `${podIP(pod)}:${HTTP_PORT}`, dial)).includes('"mirror"'),
  );
  t.pass('it answers');
});

t.test('node ports answer on every node and on 127.0.0.1, whoever has the endpoint', async t => {
  const service = await backends.createService('ports', 'web', { type: 'NodePort' });
  const port = nodePort(service);
  await waitFor('node port', async () => (await askOften(node2, `${address1}:${port}`)).length === 2);
  for (const node of [node1, node2]) {
    for (const address of [address1, address2, '127.0.0.1']) {
      t.same(await askOften(node, `${address}:${port}`), ['far', 'near'], `${node.name} to ${address}`);
    }
  }
});

t.test('externalTrafficPolicy Local keeps the address of the client and its endpoints', async t => {
  const service = await backends.createService('local', 'only-near', {
    type: 'NodePort',
    externalTrafficPolicy: 'Local',
  });
  await backends.createServer('only-near', 'only-near', 'node-1');
  const port = nodePort(service);
  await waitFor('node port', async () => (await ask(node2, `${address1}:${port}`)) === 'only-near');
  t.match(await ask(node2, `${address1}:${port}`, 'clientip'), `${address2}:`, 'its own address');
  t.match(await ask(node1, `${address2}:${port}`), /timed out/, 'a node without endpoints is silent');
  t.equal(await ask(node2, `127.0.0.1:${port}`), 'only-near', 'but serves its own processes');
});

t.test('internalTrafficPolicy Local serves from this node alone', async t => {
  const service = await backends.createService('inner', 'web', { internalTrafficPolicy: 'Local' });
  await waitFor('cluster IP', async () => (await ask(node1, clusterIP(service))) === 'near');
  t.same(await askOften(node1, clusterIP(service)), ['near']);
  t.same(await askOften(node2, clusterIP(service)), ['far']);
});

t.test('session affinity, switched on and off', async t => {
  const service = await backends.createService('sticky', 'web', { sessionAffinity: 'ClientIP' });
  await waitFor('cluster IP', async () => /near|far/.test(await ask(node1, clusterIP(service))));
  t.equal((await askOften(node1, clusterIP(service))).length, 1);
  await cluster.kubectl('patch', 'service', 'sticky', '-p', '{"spec":{"sessionAffinity":"None"}}');
  await waitFor('both again', async () => (await askOften(node1, clusterIP(service))).length === 2);
});

t.test('external and load balancer addresses, source ranges', async t => {
  await backends.createService('outside', 'web', { externalIPs: ['198.51.100.7'] });
  await waitFor('external IP', async () => (await askOften(node1, '198.51.100.7')).length === 2);
  const open = { type: 'LoadBalancer', loadBalancerSourceRanges: [`${address2}/32`] };
  await backends.createService('balanced', 'web', open);
  const ingress = JSON.stringify({
    status: { loadBalancer: { ingress: [{ ip: '198.51.100.8', ipMode: 'VIP' }] } },
  });
  await cluster.kubectl(
    'patch',
    'service',
    'balanced',
    '--subresource=status',
    '--type=merge',
    '-p',
    ingress,
  );
  await waitFor('load balancer IP', async () => /near|far/.test(await ask(node2, '198.51.100.8')));
  t.match(await ask(node1, '198.51.100.8'), /timed out|refused|reset/i, 'a source outside of the ranges');
  t.pass('load balancer IP from within the ranges');
});

t.test('without endpoints a connection is refused at once; with the first one it works', async t => {
  const service = await backends.createService('empty', 'nobody', { type: 'NodePort' });
  await waitFor('to be refused', async () => REFUSED.test(await ask(node1, clusterIP(service))));
  t.match(await ask(node2, `${address1}:${nodePort(service)}`), REFUSED, 'on the node port as well');
  await backends.createServer('somebody', 'nobody', 'node-2');
  await waitFor('the endpoint', async () => (await ask(node1, clusterIP(service))) === 'somebody', {
    pollMs: 10,
  });
});

t.test('a UDP client that never changes its port follows to the next endpoint', async t => {
  const service = await backends.createService('datagrams', 'udp', { type: 'NodePort' });
  const port = nodePort(service, 'udp');
  await backends.createServer('first', 'udp', 'node-2');
  const clients = [
    () => askByUDP(node1, clusterIP(service), 90, 40_001),
    () => askByUDP(node1, address2 ?? '', port, 40_002),
  ];
  for (const client of clients) await waitFor('first', async () => (await client()) === 'first');
  await backends.createServer('second', 'udp', 'node-2');
  await cluster.deletePod('first', 0);
  for (const client of clients) {
    await waitFor('second', async () => (await client()) === 'second', { deadlineMs: 10_000 });
  }
  t.pass('no black hole');
});

t.test('health check node port', async t => {
  const service = await backends.createService('health', 'web', {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
  });
  const port = service.spec?.healthCheckNodePort ?? 0;
  await waitFor('health server', async () =>
    (await ask(node2, `${address1}:${port}`)).includes('"localEndpoints":1'),
  );
  await cluster.kubectl('patch', 'service', 'health', '-p', '{"spec":{"selector":{"app":"nobody"}}}');
  await waitFor('none left', async () =>
    (await ask(node2, `${address1}:${port}`)).includes('"localEndpoints":0'),
  );
  t.pass('counts the endpoints of its node');
});

t.test("kube-proxy's ports tell how the proxy is", async t => {
  const health = await ask(node2, `${address1}:10256`, 'healthz');
  t.match(JSON.parse(health), { healthy: true, nodeEligible: true, status: { IPv4: { healthy: true } } });
  t.notMatch(JSON.parse(await ask(node2, `${address1}:10256`, 'livez')), { nodeEligible: true });
  t.match(await ask(node2, `${address1}:10249`, 'metrics'), REFUSED, 'metrics stay on the node');
  const metrics = await ask(node1, '127.0.0.1:10249', 'metrics');
  t.match(metrics, /^kubeproxy_proxy_healthz_total\{code="200"\} [1-9]/m);
  t.match(metrics, /^kubeproxy_network_programming_duration_seconds_count\{ip_family="IPv4"\} [1-9]/m);
  t.equal(await ask(node1, '127.0.0.1:10249', 'proxyMode'), 'iptables');
});

t.test('flushed rules are back within a second, others are left alone', async t => {
  const service = await backends.createService('flushed', 'web');
  await waitFor('cluster IP', async () => /near|far/.test(await ask(node1, clusterIP(service))));
  await node1.shell('iptables -t nat -N SOMEBODY && iptables -t nat -A SOMEBODY -j RETURN');
  await node1.shell('iptables -t nat -F && iptables -t filter -F');
  const startedMs = performance.now();
  // A first packet without rules is lost, and sent again only after a second: each try is a connection of its own.
  const quickly = `curl --silent --max-time 0.1 'http://${clusterIP(service)}/hostname' || true`;
  await waitFor('rules', async () => /near|far/.test(await node1.shell(quickly)), { pollMs: 5 });
  t.ok(performance.now() - startedMs < 1_000, `back after ${Math.round(performance.now() - startedMs)} ms`);
  await waitFor(
    'masquerade',
    async () => /NODELET-MASQ/.test(await node1.shell('iptables -t nat -S POSTROUTING')),
    {
      deadlineMs: 5_000,
    },
  );
  await node1.shell('iptables -t nat -F KUBE-SERVICES');
  await waitFor('one chain', async () => /near|far/.test(await ask(node1, clusterIP(service))), {
    pollMs: 5,
  });
  t.match(await node1.shell('iptables-save -t nat'), ':SOMEBODY', 'a chain of somebody else stays');
  await node1.shell('iptables -t nat -F SOMEBODY && iptables -t nat -X SOMEBODY');
});
