// httpGet against real servers on loopback: what Go's client does with redirects, bodies, TLS and broken answers.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { HTTPGetAction } from '../../agent/api/objects.ts';
import { type HttpOutcome, httpGet } from '../../agent/probe/http-get.ts';
import { buildHttpRequest } from '../../agent/probe/http-request.ts';

const { signal } = new AbortController();
const container = { name: 'c', image: 'i' };

async function listen(t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined); // clients here break off as they like
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port; // a TCP server's
}

const serve = (t: Test, listener: RequestListener): Promise<number> => listen(t, createServer(listener));

const serveRaw = (t: Test, onConnection: (socket: Socket) => void): Promise<number> =>
  listen(t, createTcpServer(onConnection));

async function get(
  port: number,
  action: Partial<HTTPGetAction> = {},
  timeoutMs = 2000,
): Promise<HttpOutcome> {
  const built = buildHttpRequest({ path: '/', ...action, port }, container, '127.0.0.1', 'probe');
  if (built.kind === 'invalid') throw new Error(built.message);
  return await httpGet(built.request, { timeoutMs, signal });
}

t.test('a request says who asks and closes its connection', async t => {
  let request: IncomingMessage | undefined;
  const port = await serve(t, (received, response) => {
    request = received;
    response.end('ok');
  });
  t.same(await get(port, { path: '/a?b=c' }), { kind: 'response', status: 200, body: 'ok' });
  t.equal(request?.url, '/a?b=c');
  t.match(request?.headers, {
    host: `127.0.0.1:${port}`,
    'user-agent': /^kube-probe\/1\.\d+$/,
    accept: '*/*',
    connection: 'close',
  });
  t.equal(request?.rawHeaders.length, 8, 'and nothing else');
});

t.test('headers go as given, repeated ones too, and Host replaces the URL’s', async t => {
  let raw: readonly string[] = [];
  const port = await serve(t, (request, response) => {
    raw = request.rawHeaders;
    response.end();
  });
  const httpHeaders = [
    { name: 'Host', value: 'example.com' },
    { name: 'X-A', value: '1' },
    { name: 'X-A', value: '2' },
  ];
  await get(port, { httpHeaders });
  t.same(raw.slice(0, 2), ['Host', 'example.com']);
  t.match(raw.join(' '), /X-A 1 X-A 2/);
});

t.test('redirects', async t => {
  const port = await serve(t, (request, response) => {
    const url = request.url ?? '';
    const to = (location: string, status = 302) => response.writeHead(status, { location }).end('moved');
    if (url === '/local') return to('/end', 307);
    if (url === '/relative') return to('end');
    if (url === '/fails') return to('/broken');
    if (url === '/elsewhere') return to('http://example.com/');
    if (url === '/loop') return to('/loop');
    if (url === '/nowhere') return response.writeHead(302).end('lost');
    if (url === '/nonsense') return to('http://[');
    if (url === '/ftp') return to('ftp://127.0.0.1/');
    if (url.startsWith('/hop')) return to(url === '/hop9' ? '/end' : `/hop${Number(url.slice(4)) + 1}`);
    if (url === '/broken') return response.writeHead(500).end();
    return response.end(`end ${request.headers.host} ${request.headers.referer}`);
  });
  const ended = `end 127.0.0.1:${port}`;
  const from = (path: string) => `http://127.0.0.1:${port}${path}`;
  t.same(await get(port, { path: '/local' }), {
    kind: 'response',
    status: 200,
    body: `${ended} ${from('/local')}`,
  });
  t.match(await get(port, { path: '/relative' }), { status: 200 });
  t.match(await get(port, { path: '/fails' }), { status: 500 }, 'the last answer counts');
  t.same(await get(port, { path: '/elsewhere' }), { kind: 'response', status: 302, body: 'moved' });
  t.match(await get(port, { path: '/nowhere' }), { kind: 'response', status: 302, body: 'lost' });
  t.match(await get(port, { path: '/loop' }), {
    kind: 'failed',
    message: 'Get "/loop": stopped after 10 redirects',
  });
  t.match(await get(port, { path: '/hop1' }), { status: 200 }, 'nine redirects are ten requests');
  t.match(await get(port, { path: '/hop0' }), { kind: 'failed' }, 'ten are too many');
  t.match(await get(port, { path: '/nonsense' }), {
    message: /failed to parse Location header "http:\/\/\["/,
  });
  t.match(await get(port, { path: '/ftp' }), { message: /unsupported protocol scheme "ftp"/ });
  const httpHeaders = [{ name: 'Host', value: 'example.com' }];
  t.match(await get(port, { path: '/local', httpHeaders }), { body: /^end example.com / });
});

t.test('bodies', async t => {
  await t.test('are read to 10 KiB, however long they go on', async t => {
    let sent = 0;
    const port = await serve(t, (_, response) => {
      const chunk = Buffer.alloc(64 * 1024, 'y');
      const write = (): void => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      };
      response.on('drain', write);
      write();
    });
    const outcome = await get(port);
    t.equal(outcome.kind === 'response' && outcome.body.length, 10 * 1024);
    t.ok(sent < 16 * 1024 * 1024, `${sent} bytes sent`);
  });
  await t.test('that stop half-way are told apart from failures', async t => {
    const port = await serveRaw(t, socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'));
    t.same(await get(port), { kind: 'brokenBody', message: 'unexpected EOF' });
  });
  await t.test('that do not end in time too', async t => {
    const port = await serveRaw(t, socket =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'),
    );
    t.match(await get(port, {}, 200), { kind: 'brokenBody', message: /^context deadline exceeded/ });
  });
});

t.test('failures in Go’s words', async t => {
  const free = await serve(t, () => undefined);
  const unused = await new Promise<number>(resolve => {
    const server = createTcpServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo; // a TCP server's
      server.close(() => resolve(port));
    });
  });
  const url = (port: number) => `"http://127.0.0.1:${port}/"`;
  t.match(await get(unused), {
    kind: 'failed',
    message: `Get ${url(unused)}: dial tcp 127.0.0.1:${unused}: connect: connection refused`,
    isTimeout: false,
  });
  const startedAtMs = performance.now();
  t.match(await get(free, {}, 300), {
    kind: 'failed',
    message: `Get ${url(free)}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    isTimeout: true,
  });
  t.ok(performance.now() - startedAtMs < 1000, 'at its time');
  const mute = await serveRaw(t, socket => {
    socket.once('data', () => socket.end());
  });
  t.match(await get(mute), { message: `Get ${url(mute)}: EOF` });
  t.match(await get(free, { host: 'absent.invalid' }), {
    message: /^Get "http:\/\/absent.invalid:\d+\/": dial tcp: lookup absent.invalid: /,
  });
});

t.test('sloppy answers are read', async t => {
  const bare = await serveRaw(t, socket => socket.end('HTTP/1.1 204 No Content\n\n'));
  t.match(await get(bare), { kind: 'response', status: 204 });
  const long = await serve(t, (_, response) => {
    response.writeHead(200, { 'x-long': 'y'.repeat(100_000) }).end();
  });
  t.match(await get(long), { kind: 'response', status: 200 });
  const upgraded = await serveRaw(t, socket =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
  );
  t.match(await get(upgraded), { kind: 'response', status: 101 });
});

t.test('https', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'nodelet-tls-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const subject = ['-subj', '/CN=nobody.example', '-days', '1', '-nodes'];
  const files = ['-keyout', key, '-out', cert];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', ...subject, ...files],
    {
      stdio: 'ignore',
    },
  );
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
    response.end('secret');
  });
  const port = await listen(t, server);
  t.match(await get(port, { scheme: 'HTTPS' }), { status: 200, body: 'secret' }, 'nobody is verified');
  const plain = await serve(t, (_, response) => response.end());
  t.match(await get(plain, { scheme: 'HTTPS' }), {
    kind: 'failed',
    message: `Get "https://127.0.0.1:${plain}/": http: server gave HTTP response to HTTPS client`,
    isPlainAnswer: true,
  });
});

t.test('an abort throws its reason', async t => {
  const port = await serve(t, () => undefined);
  const abort = new AbortController();
  const built = buildHttpRequest({ path: '/', port }, container, '127.0.0.1', 'probe');
  if (built.kind === 'invalid') throw new Error(built.message);
  const outcome = httpGet(built.request, { timeoutMs: 60_000, signal: abort.signal });
  abort.abort(new Error('over'));
  await t.rejects(outcome, { message: 'over' });
});
