// W11, Services of all kinds, as a person looks at them with kubectl, curl and iptables.
import t from 'tap';
import type { Service } from '../../agent/api/objects.ts';
import { askOften, Backends, clusterIP, nodePort } from '../proxy/backends.ts';
import { useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

t.setTimeout(120_000);
const cluster = await useCluster(t);
const backends = new Backends(cluster);
const node = await cluster.node('node-1');
await Promise.all(['a', 'b', 'c'].map(name => backends.createServer(`web-${name}`, 'web', 'node-1')));
const ALL = ['web-a', 'web-b', 'web-c'];

t.test('ClusterIP and NodePort answer, LoadBalancer by its status address', async t => {
  const service = await backends.createService('shop', 'web', { type: 'LoadBalancer' });
  const ingress = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '198.51.100.9' }] } } });
  await cluster.kubectl('patch', 'service', 'shop', '--subresource=status', '--type=merge', '-p', ingress);
  const address = cluster.sandbox.node('node-2').address;
  for (const target of [clusterIP(service), `${address}:${nodePort(service)}`, '198.51.100.9']) {
    await waitFor(target, async () => (await askOften(node, target, 30)).join() === ALL.join());
    t.pass(target);
  }
});

t.test('iptables shows the chains people know', async t => {
  const services = await node.run('iptables', '-t', 'nat', '-L', 'KUBE-SERVICES', '-n');
  t.match(services, `/* ${cluster.namespace}/shop:http cluster IP */`);
  t.match(services, 'KUBE-NODEPORTS');
  const rules = await node.run('iptables-save', '-t', 'nat');
  const named = rules.split('\n').filter(rule => rule.includes(`${cluster.namespace}/shop:http -> `));
  t.equal(named.length, 3);
  const chances = named.map(rule => Number(/--probability ([\d.]+)/.exec(rule)?.[1] ?? 1));
  t.ok(
    Math.abs((chances[0] ?? 0) - 1 / 3) < 0.001 && chances[1] === 0.5 && chances[2] === 1,
    'a third for each',
  );
  for (const rule of named) t.match(rules, `:${/-j (KUBE-SEP-\S+)/.exec(rule)?.[1] ?? '-'} `);
});

t.test('sessionAffinity ClientIP keeps a client with one pod', async t => {
  const service = await backends.createService('sticky', 'web', { sessionAffinity: 'ClientIP' });
  await waitFor('an answer', async () =>
    ALL.includes((await askOften(node, clusterIP(service), 1))[0] ?? ''),
  );
  t.equal((await askOften(node, clusterIP(service), 30)).length, 1);
});

t.test('headless and ExternalName have no rules, hand-made endpoints do', async t => {
  await backends.createService('headless', 'web', { clusterIP: 'None' });
  await cluster.create('services', 'elsewhere', {
    spec: { type: 'ExternalName', externalName: 'example.org' },
  });
  const manual = await cluster.create<Service>('services', 'manual', {
    spec: { ports: [{ port: 80, targetPort: 6443 }] },
  });
  await cluster.create('endpoints', 'manual', {
    subsets: [{ addresses: [{ ip: cluster.sandbox.subnet.controlPlane }], ports: [{ port: 6443 }] }],
  });
  const url = `https://${clusterIP(manual)}:80/livez`;
  await waitFor('an address outside of the cluster', async () => {
    return (await node.shell(`curl --silent --insecure --max-time 2 ${url} || true`)) === 'ok';
  });
  const rules = await node.run('iptables-save');
  t.notMatch(rules, `${cluster.namespace}/headless`);
  t.notMatch(rules, `${cluster.namespace}/elsewhere`);
});
