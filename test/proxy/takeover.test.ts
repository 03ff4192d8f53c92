// nodelet takes over from a running kube-proxy and gives back to it, and is killed again and again while endpoints change:
// nobody's connection ends, and every new one finds an endpoint.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, askOften, Backends, clusterIP } from './backends.ts';
import { KubeProxy } from './kube-proxy.ts';

// More of them by hand, e.g. NODELET_TEST_KILLS=200 for a quarter of an hour.
const KILLS = Number(process.env['NODELET_TEST_KILLS'] ?? 8);
const MOMENTS = 8;

t.setTimeout(120_000 + KILLS * 8_000);
const { signal } = new AbortController();
const cluster = await useCluster(t);
const backends = new Backends(cluster);
const node = await cluster.node('node-1');
const { agent } = node.node;
t.teardown(async () => {
  await agent.ensureStarted({ signal });
  await cluster.untilNodeReady();
});

await backends.createServer('steady', 'web', 'node-2');
const service = await backends.createService('web', 'web');
const address = clusterIP(service);
await waitFor('the Service', async () => (await ask(node, address)) === 'steady');

// One connection that asks again and again until a file appears, and tells whether it was one connection all the time.
const ASKING = `
  const [address, end] = process.argv.slice(1);
  const http = require('node:http');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set();
  const ask = () => new Promise((done, fail) => {
    const request = http.get({ host: address, path: '/hostname', agent, timeout: 5000 }, answer => answer.resume().on('end', done));
    request.on('socket', socket => socket.once('connect', () => ports.add(socket.localPort)));
    request.on('error', fail).on('timeout', () => request.destroy(new Error('no answer')));
  });
  (async () => {
    while (!require('node:fs').existsSync(end)) { await ask(); await new Promise(done => setTimeout(done, 50)); }
    console.log(ports.size === 1 ? 'one connection' : ports.size + ' connections');
    process.exit(0);
  })().catch(error => { console.log('broken: ' + error.message); process.exit(0); });`;

function keepAsking(address: string, end: string): Promise<string> {
  return node.run(process.execPath, '-e', ASKING, address, end);
}

t.test('from nodelet to kube-proxy and back with an open connection', async t => {
  const end = '/run/end-of-asking-1';
  const connection = keepAsking(address, end);
  const kubeProxy = new KubeProxy(cluster.sandbox, node.node);
  await agent.stop();
  await kubeProxy.start({ signal });
  await waitFor('kube-proxy to take a change', async () => {
    await backends.createService('theirs', 'web').catch(() => undefined);
    const theirs = await cluster.kubectl('get', 'service', 'theirs', '-o', 'jsonpath={.spec.clusterIP}');
    return (await ask(node, theirs)) === 'steady';
  });
  t.equal(await ask(node, address), 'steady', 'under kube-proxy');
  await kubeProxy.stop();
  await agent.ensureStarted({ signal });
  await cluster.kubectl('delete', 'service', 'theirs');
  const ours = clusterIP(await backends.createService('ours', 'web'));
  await waitFor('nodelet to take a change', async () => (await ask(node, ours)) === 'steady');
  t.equal(await ask(node, address), 'steady', 'under nodelet again');
  await node.shell(`touch ${end}`);
  t.match(await connection, /^one connection/, 'it lived through both');
});

t.test(`${KILLS} SIGKILLs while endpoints come and go`, async t => {
  const end = '/run/end-of-asking-2';
  const connection = keepAsking(address, end);
  await backends.createServer('second', 'web', 'node-2');
  const hide = (name: string): Promise<string> =>
    cluster.kubectl('label', 'pod', name, 'app=hidden', '--overwrite');
  const show = (name: string): Promise<string> =>
    cluster.kubectl('label', 'pod', name, 'app=web', '--overwrite');
  for (let kill = 0; kill < KILLS; kill += 1) {
    await agent.ensureStarted({ signal });
    await delay(300 + (kill % MOMENTS) * 250); // at another step each time
    await (kill % 2 === 0 ? hide('second') : show('second'));
    await agent.kill();
    t.match(await ask(node, address), /^(steady|second)$/, `kill ${kill}`);
  }
  await show('second');
  await agent.ensureStarted({ signal });
  await waitFor('both endpoints', async () => (await askOften(node, address)).length === 2);
  await hide('second');
  await waitFor('one endpoint', async () => (await askOften(node, address)).join() === 'steady');
  const stale = await node.shell('iptables-save -t nat | grep -c -- "-> .*second" || true');
  t.equal(stale.trim(), '0');
  await node.shell(`touch ${end}`);
  t.match(await connection, /^one connection/);
});
