import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, createServer } from 'node:http2';
import t, { type Test } from 'tap';
import { limitSession, SESSION_OPTIONS } from './http2-sessions.ts';

const LONG_MS = 60_000;
const SOON_MS = 50;
const HOST = '127.0.0.1';

/** A server with these limits that answers nothing but `/`, and a client of it. */
async function open(
  t: Test,
  { idleTimeoutMs = LONG_MS, requestTimeoutMs = LONG_MS },
): Promise<ClientHttp2Session> {
  const limits = { idleTimeoutMs, requestTimeoutMs };
  const server = createServer(SESSION_OPTIONS);
  server.on('session', session => limitSession(session, limits));
  server.on('request', (request, response) => {
    if (request.url === '/') response.end('hello');
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  const client = connect(`http://${HOST}:${typeof address === 'object' ? address?.port : 0}`);
  t.teardown(() => {
    client.destroy();
    server.close();
  });
  return client;
}

t.test('limitSession() ends a connection on which nothing is asked', async t => {
  const silent = await open(t, { idleTimeoutMs: SOON_MS });
  await once(silent, 'close');
  const quiet = await open(t, { idleTimeoutMs: SOON_MS });
  await once(quiet.request({ ':path': '/' }).resume(), 'close');
  await once(quiet, 'close');
  t.pass('before the first request, and after the last');
});

t.test('limitSession() leaves a connection with an open request alone', async t => {
  const client = await open(t, { idleTimeoutMs: SOON_MS });
  const following = client.request({ ':path': '/follow' });
  following.on('error', () => undefined);
  await new Promise(resolve => setTimeout(resolve, 4 * SOON_MS));
  t.notOk(client.closed);
  following.close();
  await once(client, 'close');
});

t.test('limitSession() ends a request that does not come to its end, and no other', async t => {
  const client = await open(t, { requestTimeoutMs: SOON_MS });
  const whole = client.request({ ':path': '/follow' });
  const slow = client.request({ ':path': '/follow', ':method': 'PUT' });
  slow.write('so');
  await once(slow, 'close');
  t.equal(slow.rstCode, constants.NGHTTP2_CANCEL);
  t.notOk(whole.closed);
});
