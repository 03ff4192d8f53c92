import '../support/own-network.ts';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ApiClient } from '../../agent/api/client.ts';
import { API_PORT, TestApiServer } from '../support/apiserver.ts';
import { linesOf } from '../support/log-lines.ts';
import { waitFor } from '../support/wait-for.ts';
import { WatchRecorder, writeConfigMap } from '../support/watch-recorder.ts';

t.setTimeout(300_000);

const directory = mkdtempSync(join(tmpdir(), 'nodelet-credentials-'));
const file = (name: string): string => join(directory, name);
const server = await TestApiServer.start({ directory });
t.teardown(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});
server.makeCa('other');
const { signal } = new AbortController();

interface Review {
  readonly status: { readonly userInfo: { readonly username: string } };
}

async function connect(t: Test, cluster: object, user: object): Promise<ApiClient> {
  const client = await server.connect(undefined, server.writeKubeconfig('case', cluster, user));
  t.teardown(() => client.close());
  return client;
}

/** Who the server thinks we are. */
async function whoAmI(client: ApiClient): Promise<string> {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const review = await client.create<Review>(path, body, { signal, timeoutMs: 5000 });
  return review.status.userInfo.username;
}

const admin = { 'client-certificate': 'admin.crt', 'client-key': 'admin.key' };

void t.test('wrong credentials and wrong servers are told in one line each', async t => {
  server.issue('expired', '/O=system:masters/CN=expired', { days: -1 });
  server.issue('stranger', '/O=system:masters/CN=stranger', { ca: 'other' });
  const certificate = (name: string): object => ({
    'client-certificate': `${name}.crt`,
    'client-key': `${name}.key`,
  });
  const plain = createPlainServer((_request, response) => response.end('hello')).listen(7080, '127.0.0.1');
  t.teardown(() => plain.close());
  const rows: readonly [string, object, object, { name: string; message: RegExp }][] = [
    [
      'wrong CA',
      { 'certificate-authority': 'other.crt' },
      admin,
      { name: 'DeniedError', message: /wrong CA, or wrong server/ },
    ],
    [
      'expired client certificate',
      {},
      certificate('expired'),
      { name: 'DeniedError', message: /CN=expired.* expired at 20/ },
    ],
    [
      "another CA's client certificate",
      {},
      certificate('stranger'),
      { name: 'DeniedError', message: /is it signed by this cluster's CA/ },
    ],
    [
      'wrong token',
      {},
      { token: 'nonsense' },
      { name: 'DeniedError', message: /6443: Unauthorized: the token is not accepted/ },
    ],
    [
      'other host name',
      { 'tls-server-name': 'example.org' },
      admin,
      { name: 'DeniedError', message: /certificate is for other names/ },
    ],
    [
      'nothing listens',
      { server: 'https://127.0.0.1:1' },
      admin,
      { name: 'UnavailableError', message: /connection refused/ },
    ],
    [
      'no such host',
      { server: 'https://no-such-host.invalid:6443' },
      admin,
      { name: 'UnavailableError', message: /resolve|DNS/ },
    ],
    [
      'a port that speaks plain HTTP',
      { server: 'https://127.0.0.1:7080' },
      admin,
      { name: 'UnavailableError', message: /does not speak TLS/ },
    ],
    [
      'http to a TLS port',
      { server: `http://127.0.0.1:${API_PORT}`, 'certificate-authority': undefined },
      admin,
      { name: 'InvalidError', message: /HTTP request to an HTTPS server/ },
    ],
  ];
  for (const [name, cluster, user, expected] of rows) {
    const client = await connect(t, cluster, user);
    const error = await client
      .get('/api/v1/nodes', { signal, timeoutMs: 2000 })
      .catch((error: unknown) => error);
    t.match(error, expected, name);
    if (error instanceof Error) {
      t.comment(`${name}: ${error.message}`);
      t.notMatch(error.message, /\n/);
    }
  }
});

void t.test('a forbidden request is a DeniedError with the words of the server', async t => {
  const client = await connect(t, {}, { token: 'secret-nobody' });
  await t.rejects(client.get('/api/v1/nodes', { signal }), {
    name: 'DeniedError',
    message: /User "nobody" cannot list resource "nodes"/,
  });
});

void t.test('a token file is read again when it changes', async t => {
  writeFileSync(file('token'), 'secret-token\n');
  const client = await connect(t, {}, { tokenFile: 'token' });
  t.equal(await whoAmI(client), 'tina');
  writeFileSync(file('token.new'), 'secret-nobody\n');
  renameSync(file('token.new'), file('token'));
  await waitFor('the new token', async () => (await whoAmI(client)) === 'nobody', { deadlineMs: 15_000 });
});

void t.test(
  'a rotated client certificate is used for a new connection, requests go on meanwhile',
  async t => {
    server.issue('first', '/O=system:masters/CN=first');
    server.issue('second', '/O=system:masters/CN=second');
    for (const extension of ['crt', 'key'])
      copyFileSync(file(`first.${extension}`), file(`rotating.${extension}`));
    const client = await connect(
      t,
      {},
      { 'client-certificate': 'rotating.crt', 'client-key': 'rotating.key' },
    );
    t.equal(await whoAmI(client), 'first');
    renameSync(file('second.crt'), file('rotating.crt'));
    setTimeout(() => renameSync(file('second.key'), file('rotating.key')), 300);
    const seen = new Set<string>();
    await waitFor('the new certificate', async () => seen.add(await whoAmI(client)).has('second'), {
      deadlineMs: 15_000,
    });
    t.strictSame([...seen], ['first', 'second']);
    await waitFor('one connection', () => client.connectionCount === 1);
  },
);

void t.test('a broken new certificate does not replace the one that works', async t => {
  for (const extension of ['crt', 'key'])
    copyFileSync(file(`first.${extension}`), file(`broken.${extension}`));
  const { logger, messages } = linesOf('info');
  const user = { 'client-certificate': 'broken.crt', 'client-key': 'broken.key' };
  const client = await server.connect(logger, server.writeKubeconfig('case', {}, user));
  t.teardown(() => client.close());
  writeFileSync(file('broken.crt'), 'half a certificate');
  await waitFor('told', () => messages().some(line => line.includes('cannot be used')), {
    deadlineMs: 15_000,
  });
  t.equal(await whoAmI(client), 'first');
});

void t.test(
  'a credential plugin is asked once, again when its answer expires, and told about the cluster',
  async t => {
    writeFileSync(
      file('plugin'),
      `#!/bin/sh
echo run >> ${file('plugin.runs')}
printf '%s' "$KUBERNETES_EXEC_INFO" > ${file('plugin.info')}
expires=$(date -u -d '+12 seconds' +%Y-%m-%dT%H:%M:%SZ)
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'$TOKEN'","expirationTimestamp":"'$expires'"}}'
`,
    );
    chmodSync(file('plugin'), 0o755);
    const runs = (): number => readFileSync(file('plugin.runs'), 'utf8').trim().split('\n').length;
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './plugin',
      interactiveMode: 'Never',
      provideClusterInfo: true,
      env: [{ name: 'TOKEN', value: 'secret-token' }],
    };
    const client = await connect(t, {}, { exec });
    t.strictSame(await Promise.all([whoAmI(client), whoAmI(client)]), ['tina', 'tina']);
    t.equal(runs(), 1);
    t.match(readFileSync(file('plugin.info'), 'utf8'), /"server":"https:\/\/127.0.0.1:6443"/);
    await waitFor('asked again', async () => (await whoAmI(client)) === 'tina' && runs() === 2, {
      deadlineMs: 15_000,
    });
  },
);

void t.test('a credential plugin that fails is quoted', async t => {
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: 'no-such-plugin',
    interactiveMode: 'Never',
    installHint: 'install it with: apt install x',
  };
  const client = await connect(t, {}, { exec });
  await t.rejects(whoAmI(client), { name: 'DeniedError', message: /no-such-plugin: install it with/ });
});

void t.test('without HTTP/2 requests and watches take a connection each', async t => {
  const proxy = createServer(
    { key: readFileSync(file('server.key')), cert: readFileSync(file('server.crt')) },
    (inner, outer) => {
      const { method, url: path, headers } = inner;
      const agent = new Agent({ ca: readFileSync(file('ca.crt')) });
      const onward = request({ host: '127.0.0.1', port: API_PORT, method, path, headers, agent }, answer => {
        outer.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outer);
      });
      inner.pipe(onward);
      outer.on('close', () => onward.destroy());
    },
  );
  proxy.listen(7443, '127.0.0.1');
  const client = await connect(t, { server: 'https://127.0.0.1:7443' }, { token: 'secret-token' });
  const watches = [new WatchRecorder(client), new WatchRecorder(client), new WatchRecorder(client)];
  t.teardown(async () => {
    for (const watch of watches) await watch.stop();
    proxy.closeAllConnections();
    proxy.close();
  });
  for (const watch of watches) await watch.untilSynced();
  for (let round = 0; round < 5; round += 1) {
    await writeConfigMap(client, 'plain', String(round));
    for (const watch of watches) await watch.untilSeen('plain', String(round));
  }
  t.ok(client.connectionCount >= 4);
});
