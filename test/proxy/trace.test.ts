// `nodelet service trace` on fifteen Services that are broken in as many ways: it names what was done to each.
import { join } from 'node:path';
import t from 'tap';
import type { Service } from '../../agent/api/objects.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import { useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, Backends, clusterIP, HTTP_PORT } from './backends.ts';

t.setTimeout(120_000);
const { signal } = new AbortController();
const cluster = await useCluster(t);
const backends = new Backends(cluster);
const node = await cluster.node('node-1');
const { agent } = node.node;
t.teardown(async () => {
  await agent.ensureStarted({ signal });
  await cluster.untilNodeReady();
});

/** The output, with its exit code in front. */
async function trace(name: string): Promise<string> {
  const program = [process.execPath, join(CHECKOUT, 'agent', 'main.ts'), 'service', 'trace'].join(' ');
  return await node.shell(
    `${program} ${cluster.namespace}/${name} --config /etc/nodelet/config.yaml 2>&1; echo "exit $?"`,
  );
}

const HTTP = [{ name: 'http', port: 80, targetPort: HTTP_PORT }];
type Spec = Partial<Service['spec']>;

await Promise.all([
  backends.createServer('far', 'web', 'node-2'),
  backends
    .createServer('unready', 'unready', 'node-1', {})
    .then(() => cluster.kubectl('label', 'pod', 'unready', 'x=y')),
]);
const services: Readonly<Record<string, Spec>> = {
  works: { selector: { app: 'web' }, ports: HTTP },
  typo: { selector: { app: 'unraedy' }, ports: HTTP },
  'no-selector': { ports: HTTP },
  headless: { selector: { app: 'web' }, ports: HTTP, clusterIP: 'None' },
  'name-only': { type: 'ExternalName', externalName: 'example.org', ports: HTTP },
  'wrong-port': { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 9_999 }] },
  'wrong-name': { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'htpp' }] },
  'inner-local': { selector: { app: 'web' }, ports: HTTP, internalTrafficPolicy: 'Local' },
  'outer-local': { type: 'NodePort', selector: { app: 'web' }, ports: HTTP, externalTrafficPolicy: 'Local' },
  pending: { type: 'LoadBalancer', selector: { app: 'web' }, ports: HTTP },
  udp: { selector: { app: 'web' }, ports: [{ name: 'udp', protocol: 'UDP', port: 90, targetPort: 8_081 }] },
  'not-ready': { selector: { app: 'never' }, ports: HTTP },
};
for (const [name, spec] of Object.entries(services)) await cluster.create('services', name, { spec });
await cluster.create('services', 'others', {
  metadata: { name: 'others', labels: { 'service.kubernetes.io/service-proxy-name': 'other-proxy' } },
  spec: { selector: { app: 'web' }, ports: HTTP },
});
await cluster.createPod(
  'never',
  { containers: [{ command: ['sleep', '600'], readinessProbe: { exec: { command: ['false'] } } }] },
  { labels: { app: 'never' } },
);
await cluster.untilPhase('never', 'Running');
const works = await cluster.api.get<Service>(`/api/v1/namespaces/${cluster.namespace}/services/works`, {
  signal,
});
await waitFor('a Service that works', async () => (await ask(node, clusterIP(works))) === 'far');

const CASES: readonly (readonly [service: string, says: RegExp])[] = [
  ['works', /it works[^]*exit 0/],
  ['nobody', /CAUSE +there is no Service/],
  ['works:8080', /CAUSE +it has no port 8080, only http 80\/tcp/],
  ['typo', /CAUSE +no pod with an address has the labels app=unraedy; \S+ on this node has (unready|never)/],
  ['no-selector', /CAUSE +it has no selector/],
  ['headless', /CAUSE +it is headless/],
  ['name-only', /CAUSE +it is a name only/],
  ['others', /CAUSE +its label .* leaves it to another proxy, other-proxy/],
  ['wrong-port', /CAUSE +1 of 1 endpoints .* refuse connections[^]*targetPort 9999/],
  ['wrong-name', /CAUSE +its pods have no tcp port named htpp/],
  ['not-ready', /CAUSE +none of its 1 endpoints is ready/],
  ['inner-local', /CAUSE +internalTrafficPolicy is Local and no endpoint runs on node-1/],
  ['outer-local', /notice +externalTrafficPolicy is Local and no endpoint runs on node-1[^]*exit 0/],
  ['pending', /notice +it has no load balancer address yet/],
];

t.test('it names what is wrong with a Service', async t => {
  const texts = await Promise.all(CASES.map(async ([service]) => await trace(service)));
  for (const [index, [service, says]] of CASES.entries()) t.match(texts[index], says, service);
});

t.test('packets that are lost on the way', async t => {
  await node.shell('iptables -I OUTPUT -p tcp --dport 8080 -j DROP');
  t.match(await trace('works'), /CAUSE +1 of 1 endpoints .* do not answer: packets are lost/);
  await node.shell('iptables -D OUTPUT -p tcp --dport 8080 -j DROP');
});

t.test('a UDP flow that leads to an endpoint that is gone', async t => {
  const udp = await cluster.api.get<Service>(`/api/v1/namespaces/${cluster.namespace}/services/udp`, {
    signal,
  });
  const there = `--orig-src ${node.node.address} --orig-dst ${clusterIP(udp)} --sport 40010 --dport 90`;
  const back = `--reply-src 10.244.9.9 --reply-dst ${node.node.address} --reply-port-src 8081 --reply-port-dst 40010`;
  await node.shell(`conntrack -I --proto udp --timeout 60 ${there} ${back}`);
  t.match(
    await trace('udp'),
    /CAUSE +1 UDP flows lead to endpoints that are gone, e.g. \S+:40010 to 10.244.9.9:8081/,
  );
});

t.test('old rules and flushed rules, while nodelet is away', async t => {
  await agent.kill();
  await backends.createServer('next', 'web', 'node-2');
  await cluster.deletePod('far', 0);
  await cluster.untilGone('far');
  const isGone = async (): Promise<boolean> => !(await trace('works')).includes('not ready');
  await waitFor('the endpoint to go', isGone);
  t.match(await trace('works'), /CAUSE +KUBE-\S+ has 0 rules instead of 2: the rules are older/);
  await agent.ensureStarted({ signal });
  await waitFor('the new rules', async () => (await ask(node, clusterIP(works))) === 'next');
  await agent.kill();
  await node.shell('iptables -t nat -F');
  t.match(await trace('works'), /CAUSE +packets do not reach KUBE-SERVICES: the tables were flushed/);
});
