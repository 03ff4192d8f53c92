// Packets of both IP families: between pods, through Services, from nodes.
import t from 'tap';
import type { Pod, Service } from '../../agent/api/objects.ts';
import { ask, askOften, Backends, HTTP_PORT, nodePort } from '../proxy/backends.ts';
import { waitFor } from '../support/wait-for.ts';
import { useOwnCluster } from './own-sandbox.ts';

t.setTimeout(180_000);
const cluster = await useOwnCluster(t);
const backends = new Backends(cluster);
const [node1, node2] = [await cluster.node('node-1'), await cluster.node('node-2')];
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
