import type { IncomingHttpHeaders } from 'node:http';

// Browsers cannot set headers on a WebSocket, so the token travels as a sub-protocol beside at least one real one.
const WEBSOCKET_PREFIX = 'base64url.bearer.authorization.k8s.io.';

/** The token of `Authorization: Bearer` or of a WebSocket's sub-protocols. */
export function bearerToken(headers: IncomingHttpHeaders): string | undefined {
  const [scheme = '', token = ''] = (headers.authorization ?? '').trim().split(' ');
  if (scheme.toLowerCase() === 'bearer' && token !== '') return token;
  if (headers.upgrade?.toLowerCase() !== 'websocket') return undefined;
  const protocols = splitProtocols(headers['sec-websocket-protocol'] ?? '');
  const encoded = protocols.filter(isTokenProtocol).map(name => name.slice(WEBSOCKET_PREFIX.length));
  const isAlone = protocols.length === encoded.length;
  if (encoded.length !== 1 || isAlone) return undefined;
  const decoded = Buffer.from(encoded[0] ?? '', 'base64url').toString();
  return decoded === '' ? undefined : decoded;
}

/** A sub-protocol header's value without the token, which is nobody else's business. */
export function withoutToken(protocols: string): string {
  return splitProtocols(protocols)
    .filter(name => !isTokenProtocol(name))
    .join(', ');
}

function splitProtocols(value: string): readonly string[] {
  return value
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '');
}

function isTokenProtocol(name: string): boolean {
  return name.startsWith(WEBSOCKET_PREFIX);
}
