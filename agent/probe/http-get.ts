// One GET as a probe or a hook makes it: a connection of its own, nothing verified, redirects on the same host
// followed, everything within one deadline, and no more of the answer read than anybody asks for.

import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { Deadline } from '../lib/deadline.ts';
import { errorMessage } from '../lib/errors.ts';
import { formatUrl, type HttpRequest, resolveLocation, serverName } from './http-request.ts';
import { formatNetworkError } from './network-error.ts';

const BODY_MAX_BYTES = 10 * 1024; // same as the kubelet
const HEADERS_MAX_BYTES = 256 * 1024;
const REQUESTS_MAX = 10;

export type HttpOutcome =
  | { readonly kind: 'response'; readonly status: number; readonly body: string }
  /** The answer began and broke off. */
  | { readonly kind: 'brokenBody'; readonly message: string }
  | {
      readonly kind: 'failed';
      /** Go's text, with the URL. */
      readonly message: string;
      readonly isTimeout: boolean;
      /** An https request met a server that speaks plain HTTP. */
      readonly isPlainAnswer: boolean;
    };

export interface HttpLimits {
  /** For everything; Infinity waits as long as the signal lets it. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Throws the signal's reason only. */
export async function httpGet(first: HttpRequest, { timeoutMs, signal }: HttpLimits): Promise<HttpOutcome> {
  using deadline = new Deadline({ signal });
  if (timeoutMs < Number.POSITIVE_INFINITY) deadline.arm(timeoutMs);
  let request = first;
  for (let count = 1; ; count += 1) {
    let response: IncomingMessage;
    try {
      response = await exchange(request, deadline.signal);
    } catch (error) {
      signal.throwIfAborted();
      return failure(request, error, deadline.isExceeded);
    }
    const next = nextRequest(request, first, response);
    if (next.kind === 'none') return await readResponse(response, deadline, signal);
    response.destroy();
    if (next.kind === 'broken') return broken(next.location, next.message);
    if (count >= REQUESTS_MAX) return broken(next.location, `stopped after ${REQUESTS_MAX} redirects`);
    request = next.request;
  }
}

function exchange({ url, host, headers }: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const isHttps = url.scheme === 'https';
  const options: RequestOptions = {
    method: 'GET',
    host: url.hostname,
    port: url.port,
    path: url.target === '' ? '/' : url.target.replace(/^\?/, '/?'),
    headers: buildRawHeaders(host ?? url.authority, headers),
    agent: false, // a connection for this request alone
    maxHeaderSize: HEADERS_MAX_BYTES,
    insecureHTTPParser: true, // Go reads sloppy answers too
    signal,
  };
  const tls = { rejectUnauthorized: false, servername: serverName(url) };
  return new Promise((resolve, reject) => {
    const request = isHttps ? httpsRequest({ ...options, ...tls }) : httpRequest(options);
    request.once('response', resolve);
    // 101: to nobody's use, but an answer with a status.
    request.once('upgrade', (response: IncomingMessage, socket: Socket) => {
      socket.destroy();
      resolve(response);
    });
    request.on('error', reject); // stays: a late error must not be unhandled
    request.end();
  });
}

// Node takes a flat list as it is and adds nothing, so repeated names and their order stay.
function buildRawHeaders(host: string, headers: HttpRequest['headers']): string[] {
  const isClosing = headers.some(([name, value]) => name === 'Connection' && /close|upgrade/i.test(value));
  return ['Host', host, ...headers.flat(), ...(isClosing ? [] : ['Connection', 'close'])];
}

type NextRequest =
  | { readonly kind: 'none' }
  | { readonly kind: 'broken'; readonly location: string; readonly message: string }
  | { readonly kind: 'follow'; readonly location: string; readonly request: HttpRequest };

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

function nextRequest(request: HttpRequest, first: HttpRequest, response: IncomingMessage): NextRequest {
  const { location } = response.headers;
  if (!REDIRECTS.has(response.statusCode ?? 0) || !location) return { kind: 'none' };
  const url = resolveLocation(location, request.url);
  if (!url) {
    const message = `failed to parse Location header ${JSON.stringify(location)}: invalid URL`;
    return { kind: 'broken', location: formatUrl(request.url), message };
  }
  // Where another host begins the kubelet stops: the redirect itself is the answer.
  if (url.hostname !== first.url.hostname) return { kind: 'none' };
  if (url.scheme !== 'http' && url.scheme !== 'https') {
    return { kind: 'broken', location, message: `unsupported protocol scheme ${JSON.stringify(url.scheme)}` };
  }
  const isRelative = URL.parse(location) === null;
  const others = first.headers.filter(([name]) => name !== 'Referer');
  const isDowngrade = request.url.scheme === 'https' && url.scheme === 'http';
  const referer = isDowngrade ? [] : [['Referer', formatUrl(request.url)] as const];
  return {
    kind: 'follow',
    location,
    request: { url, host: isRelative ? request.host : undefined, headers: [...others, ...referer] },
  };
}

async function readResponse(
  response: IncomingMessage,
  deadline: Deadline,
  signal: AbortSignal,
): Promise<HttpOutcome> {
  const status = response.statusCode ?? 0;
  try {
    return { kind: 'response', status, body: await readStart(response, BODY_MAX_BYTES) };
  } catch (error) {
    signal.throwIfAborted();
    const message = deadline.isExceeded
      ? 'context deadline exceeded (Client.Timeout or context cancellation while reading body)'
      : bodyErrorText(error);
    return { kind: 'brokenBody', message };
  } finally {
    response.destroy();
  }
}

async function readStart(response: IncomingMessage, maxBytes: number): Promise<string> {
  if (response.statusCode === 101) return '';
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    // no encoding is set, so these are buffers
    chunks.push(chunk);
    length += chunk.length;
    if (length >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8');
}

function bodyErrorText(error: unknown): string {
  const message = errorMessage(error);
  return message === 'aborted' ? 'unexpected EOF' : message;
}

function failure({ url }: HttpRequest, error: unknown, isTimeout: boolean): HttpOutcome {
  const isPlainAnswer = tlsFailure(error) === 'wrong version number'; // of a TLS record that is none
  const text = isTimeout
    ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    : isPlainAnswer
      ? 'http: server gave HTTP response to HTTPS client'
      : formatFailure(error, url.authority);
  const message = `Get ${JSON.stringify(formatUrl(url))}: ${text}`;
  return { kind: 'failed', message, isTimeout, isPlainAnswer };
}

function broken(location: string, text: string): HttpOutcome {
  const message = `Get ${JSON.stringify(location)}: ${text}`;
  return { kind: 'failed', message, isTimeout: false, isPlainAnswer: false };
}

function formatFailure(error: unknown, authority: string): string {
  const tls = tlsFailure(error);
  return tls === undefined ? formatNetworkError(error, authority) : `tls: ${tls}`;
}

// The reason in OpenSSL's line `error:0A00010B:SSL routines:function:reason:file:line:`.
function tlsFailure(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return /:SSL routines:[^:]*:([^:]+):/.exec(error.message)?.[1];
}
