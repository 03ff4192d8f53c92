import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, get as getTls } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t from 'tap';
import { ApiClient } from '../api/client.ts';
import { parseConfig } from '../config/load-config.ts';
import { waitAborted } from '../lib/abort.ts';
import { systemClock } from '../lib/clock.ts';
import { createSilentLogger } from '../lib/logger.ts';
import { Authenticator } from './authentication.ts';
import { Authorizer } from './authorization.ts';
import { configzRoutes } from './configz.ts';
import { debugFlagRoutes } from './debug-flags.ts';
import { healthRoutes, PING } from './healthz.ts';
import { NodeServer } from './node-server.ts';
import { makeSelfSigned } from './self-signed.ts';
import { DEBUG_ROOTS, switchedOffRoutes } from './switched-off.ts';

const HOST = '127.0.0.1';
const stop = new AbortController();
const { signal } = stop;
const logger = createSilentLogger();

const [port, readOnlyPort, healthzPort] = [await freePort(), await freePort(), await freePort()];
const api = await openSilentApi();
const config = loadServerConfig();
const guardDeps = { api, clock: systemClock, logger };
const certificate = {
  pair: selfSigned(1),
  onChange: (): void => undefined,
  current: () => certificate.pair,
  run: async (onChange: () => void, options: { readonly signal: AbortSignal }): Promise<void> => {
    certificate.onChange = onChange;
    await waitAborted(options.signal);
  },
};

const server = new NodeServer({
  config,
  routes: [
    ...healthRoutes([PING]),
    ...configzRoutes({ maxPods: 7 }),
    ...debugFlagRoutes(logger),
    ...switchedOffRoutes(DEBUG_ROOTS, 'Debug endpoints are disabled.'),
  ],
  guards: {
    authenticator: new Authenticator(guardDeps, config, { signal }),
    authorizer: new Authorizer(guardDeps, { ...config, nodeName: 'node-1' }, { signal }),
  },
  certificate,
  authority: undefined,
  logger,
});
const running = server.run({ signal });
t.teardown(async () => {
  stop.abort();
  await running;
  await api.close();
});

t.test('the main port answers everything, and says what is switched off', async t => {
  t.equal(await ask(port, '/healthz'), '200 ok');
  t.equal(await ask(port, '/configz'), '200 {"kubeletconfig":{"maxPods":7}}');
  t.equal(await ask(port, '/exec/a/b/c'), '405 Debug endpoints are disabled.\n');
  t.equal(await ask(port, '/nothing'), '404 404 page not found\n');
});

t.test('and the same over HTTP/2, on one connection', async t => {
  const session = connectHttp2(`https://${HOST}:${port}`, { rejectUnauthorized: false });
  const askThere = (path: string, method = 'GET', body?: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path, ':method': method }, { endStream: false });
      stream.once('error', reject);
      let answer = '';
      stream.once('response', headers => (answer = `${headers[':status']} `));
      stream.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      stream.once('end', () => resolve(answer));
      stream.end(body);
    });
  const answers = ['/healthz', '/configz', '/exec/a/b/c', '/nothing', '/%'].map(path => askThere(path));
  t.strictSame(await Promise.all(answers), [
    '200 ok',
    '200 {"kubeletconfig":{"maxPods":7}}',
    '405 Debug endpoints are disabled.\n',
    '404 404 page not found\n',
    '400 Bad Request',
  ]);
  t.match(await askThere('/debug/flags/v', 'PUT', '1'.repeat(100_000)), /^400 failed set/);
  t.equal(await askThere('/debug/flags/v', 'PUT', '0'), '200 successfully set klog.logging.verbosity to 0\n');
  session.close();
});

t.test('the read-only port answers what is open to everybody', async t => {
  t.equal(await ask(readOnlyPort, '/healthz'), '200 ok');
  t.equal(await ask(readOnlyPort, '/configz'), '405 Debug endpoints are disabled.\n');
  t.equal(await ask(readOnlyPort, '/nothing'), '404 404 page not found\n');
});

t.test('a connection that is used again and again gathers nothing', async t => {
  const warnings: string[] = [];
  process.on('warning', ({ message }) => warnings.push(message));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let count = 0; count < 12; count += 1) await ask(port, '/healthz', agent);
  agent.destroy();
  t.strictSame(warnings, []);
});

t.test('the health port answers for health', async t => {
  t.equal(await ask(healthzPort, '/healthz'), '200 ok');
  t.equal(await ask(healthzPort, '/configz'), '404 404 page not found\n');
});

t.test('a new certificate is shown to new connections', async t => {
  const before = await fingerprint();
  certificate.pair = selfSigned(2);
  certificate.onChange();
  t.not(await fingerprint(), before);
});

function selfSigned(hour: number) {
  return makeSelfSigned({ nodeName: 'node-1', nowMs: Date.now() + hour, addresses: [HOST] });
}

/** A client of an API server that is never asked: everybody may do everything here. */
async function openSilentApi(): Promise<ApiClient> {
  const kubeconfigPath = join(t.testdir(), 'kubeconfig');
  const text = {
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user: { token: 'x' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  await writeFile(kubeconfigPath, JSON.stringify(text), { mode: 0o600 });
  return await ApiClient.connect({ kubeconfigPath, logger, userAgent: 'test', signal });
}

function loadServerConfig() {
  const text = JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: HOST,
    port,
    readOnlyPort,
    healthzPort,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
  });
  const files = [{ path: '/config.yaml', text }];
  const loaded = parseConfig({ flags: [], files, workingDir: '/', hostname: 'node-1' });
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
  return loaded.config.server;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>(resolve => probe.listen(0, HOST, resolve));
  const address = probe.address();
  await new Promise(resolve => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** Status and body. */
function ask(to: number, path: string, agent: Agent | false = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: HOST, port: to, path, agent, rejectUnauthorized: false };
    const request = to === port ? getTls(options) : get({ ...options, agent: false });
    request.once('error', reject);
    request.once('response', response => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.once('end', () => resolve(`${response.statusCode} ${body}`));
    });
  });
}

function fingerprint(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
