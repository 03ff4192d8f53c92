// HTTPS with HTTP/1.1, without which there is no exec, and HTTP/2, on which a client has all its requests on one connection.

import type { IncomingMessage } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { HttpListener } from '../lib/listener.ts';
import type { Dispatcher } from './dispatcher.ts';
import { limitSession, SESSION_OPTIONS, type SessionLimits } from './http2-sessions.ts';

export type TlsServer = HttpListener & Pick<Http2SecureServer, 'setSecureContext'>;

/** `options` are those of node:https. */
export function createTlsServer(
  options: { readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean },
  limits: SessionLimits,
  dispatcher: Dispatcher,
): TlsServer {
  const server = createSecureServer({ ...options, ...SESSION_OPTIONS, allowHTTP1: true });
  server.on('request', (request, response) => void dispatcher.dispatch(request, response));
  server.on('upgrade', (request, socket, head) => void dispatcher.dispatchUpgrade(request, socket, head));
  server.on('session', session => limitSession(session, limits));
  const { shouldUpgradeCallback } = options;
  return Object.assign(asListener(server), { shouldUpgradeCallback });
}

function asListener(server: Http2SecureServer): TlsServer {
  const connections = new Set<TLSSocket>();
  server.on('secureConnection', connection => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
  });
  const closeAllConnections = (): void => {
    for (const connection of connections) connection.destroy();
  };
  // It has this one, and its types do not know.
  return Object.assign(server as typeof server & Pick<HttpListener, 'closeIdleConnections'>, {
    closeAllConnections,
  });
}
