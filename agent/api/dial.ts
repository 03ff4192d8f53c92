import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { UnavailableError } from '../lib/errors.ts';
import type { TlsMaterial } from './credentials.ts';

export interface Endpoint {
  readonly url: URL;
  readonly isInsecure: boolean;
  readonly tlsServerName: string | undefined;
}

// Short, because SYNs are resent after 1 s, 3 s, 7 s ...: a new attempt finds a healed path sooner than an old one.
const TCP_TIMEOUT_MS = 3000;
// Long, because an API server that has just started is busy with everybody's handshakes.
const TLS_TIMEOUT_MS = 10_000;
// The kernel's own look at a silent peer, for HTTP/1.1, which has no PING.
const KEEP_ALIVE_MS = 5000;
const KEEP_ALIVE_PROBES = 3;

/** One attempt at a connection, ready for HTTP. Rejects with what socket or TLS said. */
export function dial(
  endpoint: Endpoint,
  tls: TlsMaterial,
  { signal }: { signal: AbortSignal },
): Promise<Socket> {
  signal.throwIfAborted();
  const socket = open(endpoint, tls);
  socket.setNoDelay(true);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      stop();
      socket.destroy();
      reject(error);
    };
    const timedOut = (): void => fail(timeoutError(endpoint.url, socket.connecting));
    let timer = setTimeout(timedOut, TCP_TIMEOUT_MS);
    const onTcp = (): void => {
      clearTimeout(timer);
      timer = setTimeout(timedOut, TLS_TIMEOUT_MS);
      if (endpoint.url.protocol === 'http:') onReady();
    };
    const onReady = (): void => {
      stop();
      socket.setKeepAlive(true, KEEP_ALIVE_MS, KEEP_ALIVE_MS, KEEP_ALIVE_PROBES);
      resolve(socket);
    };
    const onAbort = (): void => fail(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onTcp).off('secureConnect', onReady).off('error', fail);
      // A socket without an error listener ends the process; the next owner adds its own.
      socket.on('error', ignoreLateError);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', onTcp).once('secureConnect', onReady).once('error', fail);
  });
}

function open({ url, isInsecure, tlsServerName }: Endpoint, tls: TlsMaterial): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol === 'http:') return connectTcp({ host, port: Number(url.port || 80) });
  const servername = tlsServerName ?? (isIP(host) ? undefined : host);
  return connectTls({
    host,
    port: Number(url.port || 443),
    ALPNProtocols: ['h2', 'http/1.1'],
    minVersion: 'TLSv1.2',
    rejectUnauthorized: !isInsecure,
    ...(servername === undefined ? {} : { servername }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  });
}

function timeoutError(url: URL, isConnecting: boolean): UnavailableError {
  const text = isConnecting
    ? 'no answer to the connection attempt (firewall, routing, or the machine is down)'
    : 'connected, but the TLS handshake is not answered (server overloaded or hung)';
  return new UnavailableError(`API server ${url.origin}: ${text}`, { code: 'ETIMEDOUT' });
}

function ignoreLateError(): void {
  // Whoever uses the socket sees its 'close'.
}
