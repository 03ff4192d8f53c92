// The request of an httpGet handler as Go's net/url and net/http make it (pkg/probe/http/request.go): paths that no
// URL parser likes are passed on all the same, and header names get their canonical spelling.

import { isIP } from 'node:net';
import type { Container, HTTPGetAction } from '../api/objects.ts';
import { resolveContainerPort } from './container-port.ts';
import { joinHostPort } from './network-error.ts';
import { buildUserAgent } from './user-agent.ts';

export interface HttpUrl {
  readonly scheme: string;
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** `host:port` as a URL and a Host header have it. */
  readonly authority: string;
  /** Path and query, as sent; may be empty. */
  readonly target: string;
}

export interface HttpRequest {
  readonly url: HttpUrl;
  /** The Host header, when it is not the URL's. */
  readonly host: string | undefined;
  /** Without Host. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export type HttpRequestOutcome =
  | { readonly kind: 'ok'; readonly request: HttpRequest }
  | { readonly kind: 'invalid'; readonly message: string };

export function buildHttpRequest(
  action: HTTPGetAction,
  container: Container,
  podIP: string,
  purpose: 'probe' | 'lifecycle',
): HttpRequestOutcome {
  const resolved = resolveContainerPort(action.port, container);
  if (resolved.kind === 'invalid') return resolved;
  const hostname = action.host || podIP;
  const url: HttpUrl = {
    scheme: (action.scheme || 'http').toLowerCase(),
    hostname,
    port: resolved.port,
    authority: joinHostPort(hostname, resolved.port),
    target: buildTarget(action.path ?? ''),
  };
  return { kind: 'ok', request: { url, ...buildHeaders(action, purpose) } };
}

export function formatUrl({ scheme, authority, target }: HttpUrl): string {
  return `${scheme}://${authority}${target}`;
}

/** The URL a Location header leads to; undefined when it is none. */
export function resolveLocation(location: string, from: HttpUrl): HttpUrl | undefined {
  const url = URL.parse(location, formatUrl(from));
  if (!url) return undefined;
  const scheme = url.protocol.slice(0, -1);
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port) || (scheme === 'https' ? 443 : 80);
  return { scheme, hostname, port, authority: url.host, target: url.pathname + url.search };
}

/** For the TLS handshake: addresses have none. */
export function serverName({ hostname }: HttpUrl): string {
  return isIP(hostname) === 0 ? hostname : '';
}

// What Go never takes over from a request's header map; the connection is closed after each request in any case.
const RESERVED_HEADERS = new Set(['Host', 'User-Agent', 'Content-Length', 'Transfer-Encoding', 'Trailer']);

function buildHeaders(
  { httpHeaders = [] }: HTTPGetAction,
  purpose: 'probe' | 'lifecycle',
): Pick<HttpRequest, 'headers' | 'host'> {
  const given = httpHeaders.map(({ name, value }) => [canonicalName(name), value ?? ''] as const);
  const first = (wanted: string): string | undefined => given.find(([name]) => name === wanted)?.[1];
  const userAgent = first('User-Agent') ?? buildUserAgent(purpose);
  const accept = first('Accept');
  const kept = given.filter(([name]) => !RESERVED_HEADERS.has(name) && !(name === 'Accept' && accept === ''));
  return {
    host: first('Host') || undefined,
    headers: [
      ...(userAgent === '' ? [] : [['User-Agent', userAgent] as const]),
      ...(accept === undefined ? [['Accept', '*/*'] as const] : []),
      ...kept,
    ],
  };
}

// textproto.CanonicalMIMEHeaderKey; what is no token stays as written.
function canonicalName(name: string): string {
  if (!/^[\w!#$%&'*+\-.^`|~]+$/.test(name)) return name;
  return name.toLowerCase().replaceAll(/(?:^|-)[a-z]/g, start => start.toUpperCase());
}

// url.URL.RequestURI of what url.Parse makes of the path, behind a host that replaces any in it.
function buildTarget(text: string): string {
  if (!isParsable(text)) return withSlash(escapePath(new TextEncoder().encode(text)));
  const [beforeFragment = ''] = text.split('#', 1);
  const withoutHost = beforeFragment.replace(/^(?:[a-z][a-z\d+.-]*:)?\/\/[^/?]*/i, '');
  const queryAt = withoutHost.indexOf('?');
  const path = queryAt < 0 ? withoutHost : withoutHost.slice(0, queryAt);
  const query = queryAt < 0 ? '' : withoutHost.slice(queryAt);
  // Go sends a query as it is; what cannot stand in a request line is escaped.
  return withSlash(normalPath(path)) + query.replaceAll(/[^!-~]/gu, encodeURIComponent);
}

function isParsable(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what makes it unparsable
  if (/[\u0000-\u001f\u007f]/.test(text)) return false;
  const [path = ''] = text.split(/[?#]/, 1);
  return !/%(?![\da-f]{2})/i.test(path);
}

function normalPath(path: string): string {
  if (/^[\w\-.~$&+,/:;=@!'()*[\]%]*$/.test(path)) return path;
  const bytes = [...new TextEncoder().encode(path)];
  const decoded: number[] = [];
  for (let i = 0; i < bytes.length; i += 1) {
    const isEscape = bytes[i] === 0x25;
    decoded.push(
      isEscape ? Number.parseInt(String.fromCharCode(...bytes.slice(i + 1, i + 3)), 16) : (bytes[i] ?? 0),
    );
    if (isEscape) i += 2;
  }
  return escapePath(decoded);
}

function escapePath(bytes: Iterable<number>): string {
  let text = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    const isPlain = /[\w\-.~$&+,/:;=@]/.test(character);
    text += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

function withSlash(path: string): string {
  return path === '' || path.startsWith('/') ? path : `/${path}`;
}
