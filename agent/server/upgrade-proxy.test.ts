import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import t from 'tap';
import { createSilentLogger } from '../lib/logger.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Exchange } from './exchange.ts';
import { Router } from './router.ts';
import { proxyUpgrade } from './upgrade-proxy.ts';

const HOST = '127.0.0.1';
const REQUEST =
  'POST /exec/a HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n';
const LONG_MS = 60_000;

const servers: Server[] = [];
t.teardown(() => servers.forEach(server => void server.close()));

async function listen(server: Server): Promise<number> {
  servers.push(server.listen(0, HOST));
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A streaming server that answers `head` and then gives back every byte, behind a node that hands sessions to it. */
async function openSession(head: string, idleTimeoutMs: number) {
  const backend = createTcpServer(socket => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => {
      socket.write(head);
      socket.pipe(socket);
    });
  });
  const accepted = once(backend, 'connection');
  const url = new URL(`http://${HOST}:${await listen(backend)}/exec/token`);
  const route = {
    methods: ['POST'],
    path: '/exec/{name}',
    canUpgrade: true,
    isOpen: true,
    handle: async (exchange: Exchange) => {
      if (exchange.upgrade) await proxyUpgrade(exchange, exchange.upgrade, url, { idleTimeoutMs });
    },
  };
  const { signal } = new AbortController();
  const deps = { router: new Router([route]), guards: undefined, logger: createSilentLogger() };
  const dispatcher = new Dispatcher(deps, { signal });
  const node = createServer();
  node.on('upgrade', (request, socket, rest) => void dispatcher.dispatchUpgrade(request, socket, rest));
  const client = connect(await listen(node), HOST);
  client.on('error', () => client.destroy());
  client.setEncoding('latin1');
  let said = '';
  client.on('data', (text: string) => (said += text));
  const until = async (end: string): Promise<string> => {
    while (!said.endsWith(end)) await once(client, 'data');
    return said;
  };
  client.write(REQUEST);
  return { client, until, accepted: accepted as Promise<[Socket]> };
}

t.test('proxyUpgrade() passes bytes on in both directions, and ends one side with the other', async t => {
  const { client, until, accepted } = await openSession(SWITCHING, LONG_MS);
  t.equal(await until('\r\n\r\n'), SWITCHING);
  client.write('ping');
  t.equal(await until('ping'), `${SWITCHING}ping`);
  const [backend] = await accepted;
  const closed = once(backend, 'close');
  client.destroy();
  await closed;
  t.pass('the runtime sees that the client is gone');
});

t.test('proxyUpgrade() ends a session in which nothing is said any more', async t => {
  const { client, until, accepted } = await openSession(SWITCHING, 100);
  await until('\r\n\r\n');
  const [backend] = await accepted;
  await Promise.all([once(client, 'close'), once(backend, 'close')]);
  t.pass('both sides');
});

t.test('proxyUpgrade() shows what the runtime refuses, and takes nothing but 101 for a session', async t => {
  const refusal = 'HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\ngone!';
  const refused = await openSession(refusal, LONG_MS);
  t.equal(await refused.until('gone!'), refusal);
  refused.client.destroy();
  const odd = await openSession('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', LONG_MS);
  t.match(await odd.until('code 200'), /^HTTP\/1\.1 500 .*invalid upgrade response: status code 200$/s);
  odd.client.destroy();
});
