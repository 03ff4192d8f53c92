// One request and what it takes to answer it.

import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** What requests of HTTP/1.1 and HTTP/2 have in common. */
export interface HttpRequest extends AsyncIterable<unknown> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** And their responses. */
export interface HttpResponse extends NodeJS.WritableStream {
  readonly headersSent: boolean;
  /** Always false in HTTP/2, which takes what is written too late in silence. */
  readonly destroyed: boolean;
  setHeader(name: string, value: string | number): unknown;
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
  /** HTTP/2 sends them at once. */
  flushHeaders?(): void;
  destroy(): unknown;
}

export interface Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  /** Decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The decoded parts of the path that the route names. */
  readonly params: Readonly<Record<string, string>>;
  /** Aborts when the client is gone or the agent stops. */
  readonly signal: AbortSignal;
  /** Set when the client asks to leave HTTP on this connection and the route allows it. */
  readonly upgrade: Upgrade | undefined;
}

/** HTTP/1.1 alone knows this. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Duplex;
  /** What the client has sent behind its request already. */
  readonly head: Buffer;
}

export type Handler = (exchange: Exchange) => void | Promise<void>;

/** Answers with a line of text, the kubelet's form for everything that goes wrong. */
export function sendText(response: HttpResponse, status: number, text: string): void {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };
  send(response, status, headers, text);
}

export function sendJson(response: HttpResponse, status: number, body: unknown): void {
  send(response, status, { 'content-type': 'application/json' }, JSON.stringify(body));
}

function send(
  response: HttpResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** Writes with the client's pace; false when it is gone. */
export async function writeChunk(
  response: HttpResponse,
  chunk: Buffer,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean> {
  if (signal.aborted || response.destroyed) return false;
  if (response.write(chunk)) return true;
  await new Promise<void>(resolve => {
    const finish = (): void => {
      response.off('drain', finish).off('close', finish);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    response.once('drain', finish).once('close', finish);
    signal.addEventListener('abort', finish, { once: true });
  });
  return !signal.aborted && !response.destroyed;
}
