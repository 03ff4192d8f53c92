// A connection handed over to the runtime's streaming server: what is spoken on it, SPDY or WebSocket, is theirs.

import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorMessage } from '../lib/errors.ts';
import { withoutToken } from './bearer-token.ts';
import { sendText, type Upgrade } from './exchange.ts';

const HEAD_MAX_BYTES = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const REFUSAL_PATIENCE_MS = 10_000; // as the kubelet
const DIAL_TIMEOUT_MS = 10_000;

/** Resolves when the session is over. `url` is what CRI's Exec, Attach or PortForward gave, good for one use. */
export async function proxyUpgrade(
  { signal }: { readonly signal: AbortSignal },
  { request, response, socket: client, head }: Upgrade,
  url: URL,
  { idleTimeoutMs }: { readonly idleTimeoutMs: number },
): Promise<void> {
  const backend = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  const end = (): void => {
    backend.destroy();
    client.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    await dial(backend);
    backend.write(buildRequestHead(request, url));
    if (head.length > 0) backend.write(head);
    const answer = await readHead(backend);
    if (answer.status >= 200 && answer.status < 400) {
      sendText(response, 500, `invalid upgrade response: status code ${answer.status}`);
      backend.destroy();
      return;
    }
    response.detachSocket(request.socket);
    client.write(answer.bytes);
    if (answer.status === 101) await splice(client, backend, idleTimeoutMs);
    else await passOn(backend, client);
  } catch (error) {
    if (!signal.aborted) sendText(response, 500, `error dialing backend: ${errorMessage(error)}`);
    backend.destroy();
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function dial(backend: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    backend.setTimeout(DIAL_TIMEOUT_MS, () => backend.destroy(new Error('the runtime does not answer')));
    backend.once('error', reject);
    backend.once('close', () => reject(new Error('the runtime closed the connection')));
    backend.once('connect', resolve);
  });
}

// rawHeaders: several X-Stream-Protocol-Version lines are several offers and must stay apart.
function buildRequestHead({ method, rawHeaders, socket }: IncomingMessage, url: URL): string {
  const lines = [`${method} ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const value = rawHeaders[index + 1] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'host' || lower === 'authorization' || lower === 'x-forwarded-for') continue;
    lines.push(`${name}: ${lower === 'sec-websocket-protocol' ? withoutToken(value) : value}`);
  }
  lines.push(`X-Forwarded-For: ${socket.remoteAddress ?? ''}`);
  // Node hands header values out as latin1; so they go on.
  return `${lines.join('\r\n')}\r\n\r\n`;
}

interface ResponseHead {
  readonly status: number;
  /** All that has come so far: the head and what follows it. */
  readonly bytes: Buffer;
}

function readHead(backend: Socket): Promise<ResponseHead> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const isComplete = bytes.includes(HEAD_END);
      if (!isComplete && bytes.length <= HEAD_MAX_BYTES) return;
      backend.off('data', onData);
      backend.pause();
      const status = Number(/^HTTP\/1\.[01] (\d{3})\b/.exec(bytes.toString('latin1', 0, 16))?.[1]);
      if (isComplete && status >= 100) resolve({ status, bytes });
      else reject(new Error('the runtime answered with something that is not HTTP'));
    };
    backend.on('data', onData);
    backend.once('error', reject);
    backend.once('close', () => reject(new Error('the runtime closed the connection')));
  });
}

/** Bytes in both directions, until either end is done or nothing has moved for too long. */
function splice(client: Duplex, backend: Socket, idleTimeoutMs: number): Promise<void> {
  return new Promise(resolve => {
    backend.setTimeout(idleTimeoutMs, () => {
      backend.destroy();
      client.destroy();
    });
    client.on('error', () => backend.destroy());
    backend.on('error', () => client.destroy());
    // SPDY and WebSocket have ends of their own: a connection half closed is over. What was said before still arrives.
    client.once('end', () => backend.destroySoon());
    client.once('close', () => {
      backend.destroySoon();
      resolve();
    });
    backend.once('close', () => client.end());
    client.once('finish', () => client.destroy());
    client.pipe(backend);
    backend.pipe(client);
    client.resume();
  });
}

async function passOn(backend: Socket, client: Duplex): Promise<void> {
  backend.setTimeout(REFUSAL_PATIENCE_MS, () => backend.destroy());
  backend.on('error', () => client.destroy());
  backend.pipe(client);
  await new Promise<void>(resolve => {
    client.once('close', resolve);
    client.once('finish', () => client.destroy());
    backend.once('close', () => client.end());
  });
}
