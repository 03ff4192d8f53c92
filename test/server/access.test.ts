// Who gets what answer from the node's API, and what it withstands.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import t from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { script, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { askOn, NodeClient } from './node-client.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const client = await NodeClient.open(cluster.sandbox);
t.teardown(() => client.close());

const admin = client.issue({ commonName: 'root', organizations: ['system:masters'], usages: ['client'] });
const nobody = client.issue({ commonName: 'nobody', usages: ['client'] });

// Everything that answers something; some with methods that exist, some with ones that do not.
const ENDPOINTS = [
  '/healthz',
  '/pods',
  '/runningpods/',
  '/configz',
  '/statusz',
  '/flagz',
  '/logs/',
  '/metrics',
  '/metrics/cadvisor',
  '/metrics/resource',
  '/metrics/probes',
  '/stats/summary',
  '/containerLogs/default/x/y',
  '/exec/default/x/y?command=id&output=1',
  '/attach/default/x/y?output=1',
  '/portForward/default/x',
  '/run/default/x/y?cmd=id',
  '/checkpoint/default/x/y',
  '/debug/pprof/profile',
  '/debug/flags/v',
  '/no/such/thing',
  '/',
];
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

t.test('nobody without credentials gets anything but 401', async t => {
  for (const path of ENDPOINTS) {
    for (const method of METHODS) {
      const { status, body } = await client.ask(path, { method });
      if (status !== 401 || (method !== 'HEAD' && body !== 'Unauthorized'))
        t.fail(`${method} ${path}: ${status} ${body}`);
    }
  }
  t.pass(`${ENDPOINTS.length * METHODS.length} requests`);
});

t.test('nor over HTTP/2, and who may is answered there', async t => {
  const stranger = client.openHttp2();
  const asked = ENDPOINTS.flatMap(path => METHODS.map(method => ({ path, method })));
  const answers = await Promise.all(asked.map(({ path, method }) => askOn(stranger, path, method)));
  t.strictSame([...new Set(answers.map(({ status }) => status))], [401], `${answers.length} requests`);
  stranger.close();
  const known = client.openHttp2(admin);
  t.match(await askOn(known, '/configz'), { status: 200, body: /^\{"kubeletconfig"/ });
  t.match(await askOn(known, '/logs/containers'), { status: 301 });
  t.match(await askOn(known, '/exec/default/no/c?output=1'), { status: 404, body: 'pod does not exist' });
  t.match(await askOn(known, '/pods', 'GET', { authorization: 'Bearer made-up' }), { status: 200 });
  known.close();
  const curl = `curl -sk --http2 -o /dev/null -w %{http_version} https://127.0.0.1:10250/healthz`;
  t.equal(await node.shell(curl), '2', 'it is what a client gets that can do both');
});

t.test('a credential that is wrong is refused', async t => {
  const mastersOf = { commonName: 'root', organizations: ['system:masters'] };
  const cases = {
    'a foreign authority': { client: client.issueForeign({ ...mastersOf, usages: ['client'] }) },
    'a certificate for servers': { client: client.issue({ ...mastersOf, usages: ['server'] }) },
    'an expired certificate': {
      client: client.issue({
        ...mastersOf,
        usages: ['client'],
        notBefore: new Date('2001-01-01'),
        notAfter: new Date('2002-01-01'),
      }),
    },
    'a made-up token': { token: 'made-up' },
    'basic authentication': { headers: { authorization: 'Basic cm9vdDpyb290' } },
    'headers of a proxy': { headers: { 'x-remote-user': 'root', 'x-remote-group': 'system:masters' } },
  };
  for (const [what, ask] of Object.entries(cases)) {
    const { status, body } = await client.ask('/pods', ask);
    t.equal(`${status} ${body}`, '401 Unauthorized', what);
  }
});

t.test('who may not is told what is missing, in the kubelet’s words', async t => {
  const forbidden = async (path: string, method = 'GET') =>
    (await client.ask(path, { method, client: nobody })).body;
  const text = (verb: string, subresources: string) =>
    `Forbidden (user=nobody, verb=${verb}, resource=nodes, subresource(s)=[${subresources}])\n`;
  t.equal(await forbidden('/pods'), text('get', 'pods proxy'));
  t.equal(await forbidden('/stats/summary'), text('get', 'stats'));
  t.equal(await forbidden('/exec/a/b/c', 'POST'), text('create', 'proxy'));
  t.equal(await forbidden('/no/such/thing', 'DELETE'), text('delete', 'proxy'), 'before it is looked for');
  t.equal(await forbidden('/pods', 'OPTIONS'), text('', 'pods proxy'));
});

t.test('a service account has the rights it was given', async t => {
  const token = (await cluster.kubectl('create', 'token', 'default')).trim();
  const account = `system:serviceaccount:${cluster.namespace}:default`;
  t.match(await client.ask('/pods', { token }), { status: 403, body: new RegExp(`user=${account}`) });
  const role = `nodelet-test-${cluster.namespace}`;
  const subject = `--serviceaccount=${cluster.namespace}:default`;
  t.teardown(() => cluster.kubectl('delete', 'clusterrole,clusterrolebinding', role));
  await cluster.kubectl('create', 'clusterrole', role, '--verb=get', '--resource=nodes/log');
  await cluster.kubectl('create', 'clusterrolebinding', role, `--clusterrole=${role}`, subject);
  await waitFor('the right to be known', async () => (await client.ask('/logs/', { token })).status === 200);
  t.equal((await client.ask('/exec/a/b/c', { token })).status, 403, 'and no other');
});

t.test('whoever may is answered', async t => {
  const ask = (path: string, method = 'GET') => client.ask(path, { method, client: admin });
  t.match(await ask('/healthz?verbose'), {
    status: 200,
    body: /^\[\+\]ping ok\n[^]*healthz check passed\n$/,
  });
  t.match(await ask('/pods'), { status: 200, body: /^\{"kind":"PodList","apiVersion":"v1"/ });
  t.match(await ask('/configz'), { status: 200, body: /^\{"kubeletconfig":\{"kind":"KubeletConfiguration"/ });
  t.match(await ask('/containerLogs/default/no/c'), { status: 404, body: 'pod "no" does not exist' });
  t.match(await ask('/exec/default/no/c?output=1'), { status: 404, body: 'pod does not exist' });
  t.match(await ask('/exec/default/no/c'), { status: 400, body: /at least 1 of stdin, stdout, stderr/ });
  t.equal((await ask('/configz', 'PUT')).status, 405);
  t.equal((await ask('/no/such/thing')).status, 404);
  t.equal((await ask('/logs/../../etc/passwd')).status, 400);
  t.equal((await ask('/logs/%2e%2e/%2e%2e/etc/passwd')).status, 400);
  const longCommand = 'x'.repeat(200_000);
  t.equal((await ask(`/exec/default/no/c?output=1&command=${longCommand}`)).status, 404, 'a long command');
});

t.test('its version, its flags, and how much it logs', async t => {
  const ask = (path: string, accept: string) =>
    client.ask(path, { client: admin, headers: accept === '' ? {} : { accept } });
  const as = (kind: string) => `application/json;v=v1beta1;g=config.k8s.io;as=${kind}`;
  t.match(await ask('/statusz', ''), {
    status: 200,
    body: /^\nkubelet statusz\n[^]*\nUp: 0 hr [^]*\nPaths: .*\/healthz/,
  });
  const status = await ask('/statusz', as('Statusz'));
  t.match(JSON.parse(status.body), { kind: 'Statusz', binaryVersion: /^1\.\d+/, uptimeSeconds: Number });
  t.match(await ask('/flagz', ''), { status: 200, body: /\nnode-labels=/ });
  t.match(JSON.parse((await ask('/flagz', as('Flagz'))).body), { kind: 'Flagz', flags: { v: '0' } });
  t.equal((await ask('/flagz', 'application/json')).status, 406, 'an object is asked for by its kind');
  const setVerbosity = (body: string) => client.ask('/debug/flags/v', { method: 'PUT', client: admin, body });
  t.match(await setVerbosity('4'), { status: 200, body: 'successfully set klog.logging.verbosity to 4\n' });
  const debugLines = async () =>
    (await cluster.sandbox.node('node-1').agent.readLog()).match(/"level":"debug"/g)?.length ?? 0;
  await waitFor('lines for debugging', async () => (await debugLines()) > 0);
  t.equal((await setVerbosity('0')).status, 200);
  t.equal((await setVerbosity('many')).status, 400);
  t.equal((await setVerbosity('1'.repeat(1000))).status, 400);
});

t.test('health is served to the host alone', async t => {
  t.equal(await node.shell('curl -s http://127.0.0.1:10248/healthz'), 'ok');
  t.equal(await node.shell(`curl -s -o /dev/null -w %{http_code} http://127.0.0.1:10248/pods`), '404');
  const outside = `curl -s -m 2 http://${cluster.sandbox.node('node-1').address}:10248/healthz || echo refused`;
  t.equal((await node.shell(outside)).trim(), 'refused');
});

t.test('ten thousand malformed requests: no crash, no leak, no answer that is not for everybody', async t => {
  const pid = await cluster.sandbox.node('node-1').agent.findPid();
  const before = await residentMiB(pid);
  const random = seeded(7);
  const statuses = new Map<number, number>();
  const connections = Array.from({ length: 20 }, async () => {
    for (let round = 0; round < 50; round += 1) {
      // One connection takes any number of odd requests and ends with the first that is broken.
      const odds = Array.from({ length: 9 }, () => odd(random));
      for (const status of await shout(odds, broken(random))) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }
  });
  await Promise.all(connections);
  t.comment(JSON.stringify(Object.fromEntries(statuses)));
  const answered = [...statuses.values()].reduce((sum, count) => sum + count, 0);
  t.ok(answered > 9000, `${answered} answers`);
  const allowed = new Set([400, 401, 408, 413, 431]);
  t.strictSame(
    [...statuses.keys()].filter(status => !allowed.has(status)),
    [],
    'all are refused',
  );
  t.equal(await cluster.sandbox.node('node-1').agent.findPid(), pid, 'it runs still');
  t.equal((await client.ask('/healthz', { client: admin })).body, 'ok');
  const sockets = await waitFor('connections to be closed', async () => {
    const count = Number(await node.shell("ss -Htn state established '( sport = :10250 )' | wc -l"));
    return count < 20 ? `${count}` : undefined;
  });
  const after = await residentMiB(pid);
  t.comment(`${before} MiB before, ${after} MiB after, ${sockets} connections left`);
  t.ok(after < before + 80, 'memory');
});

t.test('slow clients hold no memory, and keep nobody waiting', async t => {
  const pid = await cluster.sandbox.node('node-1').agent.findPid();
  const before = await residentMiB(pid);
  const text = 'x'.repeat(4000);
  const pod = await cluster.createPod('talkative', {
    restartPolicy: 'Never',
    containers: [script(`yes ${text} | head -c 9000000; sleep 600`)],
  });
  const size = `stat -c %s ${logDirectory(pod)}/main/0.log || true`;
  await waitFor('its logs', async () => Number(await node.shell(size)) > 9_000_000);
  // Forty that ask for 9 MB each and read nothing of it.
  const deaf = await Promise.all(Array.from({ length: 40 }, () => client.connect(admin)));
  for (const socket of deaf) {
    socket.pause();
    socket.write(`GET /containerLogs/${cluster.namespace}/talkative/main HTTP/1.1\r\nHost: node\r\n\r\n`);
  }
  // Forty that begin a header of the largest size, and forty a body, and go on for ever.
  const slow = await Promise.all(Array.from({ length: 80 }, () => client.connect(admin)));
  for (const [index, socket] of slow.entries()) {
    const head = 'PUT /debug/flags/v HTTP/1.1\r\nHost: node\r\n';
    socket.write(index % 2 ? `${head}X: ${'y'.repeat(500_000)}` : `${head}Content-Length: 9000000\r\n\r\n`);
  }
  t.equal((await client.ask('/healthz', { client: admin })).body, 'ok', 'others are answered meanwhile');
  const during = await residentMiB(pid);
  t.ok(during < before + 120, `${before} MiB before, ${during} MiB during`);
  // And a hundred on one HTTP/2 connection.
  const session = client.openHttp2(admin);
  const path = `/containerLogs/${cluster.namespace}/talkative/main`;
  const streams = Array.from({ length: 100 }, () => session.request({ ':path': path }));
  for (const stream of streams) stream.on('error', () => undefined);
  await Promise.all(streams.map(stream => once(stream, 'response')));
  t.equal((await askOn(session, '/healthz')).body, 'ok', 'the same client as well');
  const withStreams = await residentMiB(pid);
  t.ok(withStreams < during + 80, `${withStreams} MiB with HTTP/2`);
  session.destroy();
  for (const socket of [...deaf, ...slow]) socket.destroy();
  await cluster.kubectl('delete', 'pod', 'talkative', '--grace-period=0', '--force');
});

/** Says all of it on one connection, the last text after the others were answered; the statuses of the answers. */
async function shout(odds: readonly string[], last: string): Promise<readonly number[]> {
  const socket = await client.connect();
  const statuses: number[] = [];
  let isOver = false;
  socket.on('data', (chunk: Buffer) => {
    const answers = chunk.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3})/g);
    statuses.push(...[...answers].map(([, status]) => Number(status)));
  });
  socket.on('error', () => {
    isOver = true;
  }); // being cut off is an answer too
  socket.once('close', () => {
    isOver = true;
  });
  const untilAnswered = (count: number) =>
    waitFor(`${count} answers`, () => isOver || statuses.length >= count, { deadlineMs: 5000, pollMs: 2 });
  socket.write(odds.join(''));
  await untilAnswered(odds.length);
  socket.end(last);
  await untilAnswered(odds.length + 1);
  socket.destroy();
  return statuses;
}

const pick = <T>(random: () => number, items: readonly T[]): T | undefined =>
  items[Math.floor(random() * items.length)];

/** HTTP, but nothing that a client of ours would say. */
function odd(random: () => number): string {
  const tail = pick(random, [
    '',
    '?a=%',
    '%zz',
    '/../..',
    '%00',
    '%2f%2e%2e',
    '?'.repeat(50),
    '/'.repeat(500),
  ]);
  const method = pick(
    random,
    METHODS.filter(name => name !== 'HEAD'),
  ); // whose answers have no end of their own
  const headers = [
    'Host: node',
    pick(random, [
      '',
      'Authorization: Bearer',
      'Authorization: Bearer Bearer',
      `X-Long: ${'y'.repeat(2000)}`,
    ]),
    pick(random, [
      '',
      'Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.%%%, x',
      'Range: bytes=9-1',
    ]),
    pick(random, ['Content-Length: 0', 'Content-Length: 5', 'Transfer-Encoding: chunked']),
  ];
  const body = { 'Content-Length: 5': 'hello', 'Transfer-Encoding: chunked': '3\r\nabc\r\n0\r\n\r\n' };
  const text = body[headers[3] as keyof typeof body] ?? '';
  const path = `${pick(random, ENDPOINTS)}${tail}`;
  return `${method} ${path} HTTP/1.1\r\n${headers.filter(Boolean).join('\r\n')}\r\n\r\n${text}`;
}

function broken(random: () => number): string {
  const path = `${pick(random, ENDPOINTS)}${pick(random, ['', '\0', 'ÿ', ' two'])}`;
  const method = pick(random, ['GET', 'POST', 'BREW', 'get', '', 'X'.repeat(300)]);
  const version = pick(random, ['HTTP/1.1', 'HTTP/1.0', 'HTTP/9.9', 'http', '']);
  const headers = [
    pick(random, ['', 'Host: node']),
    pick(random, ['', 'Connection: Upgrade', 'Connection: upgrade, close']),
    pick(random, ['', 'Upgrade: SPDY/3.1', 'Upgrade: websocket', 'Upgrade: h2c']),
    pick(random, ['', 'Content-Length: -1', 'Content-Length: 99999999999', 'Transfer-Encoding: chunked']),
    pick(random, ['', 'Authorization: \x01', 'no colon', ': empty']),
  ];
  const body = pick(random, ['', 'zz\r\n', '0\r\n\r\n', 'x'.repeat(1000)]);
  return `${method} ${path} ${version}\r\n${headers.filter(Boolean).join('\r\n')}\r\n\r\n${body}`;
}

const logDirectory = (pod: Pod) => `/var/log/pods/${cluster.namespace}_talkative_${uidOf(pod)}`;

/** The same numbers each time (a linear congruential generator). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

async function residentMiB(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1]) / 1024);
}
