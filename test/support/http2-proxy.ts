// An HTTP/2 proxy in front of a real server, for gRPC over a unix socket and for the API server alike. It understands
// streams and nothing of what they carry; a test stands between a call and its answer.

import type {
  ClientHttp2Session,
  Http2SecureServer,
  Http2Server,
  IncomingHttpHeaders,
  IncomingHttpStatusHeader,
  OutgoingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import { constants } from 'node:http2';

export interface ProxiedCall {
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

export interface ProxiedAnswer {
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: OutgoingHttpHeaders | undefined;
}

/** Sends the call on; `path` replaces what the client asked for. */
export type Forward = (changes?: { readonly path?: string }) => Promise<ProxiedAnswer>;

export interface Http2ProxyOptions {
  readonly server: Http2Server | Http2SecureServer;
  /** A connection to the real server; one per connection of a client, and it ends with that. */
  readonly dial: () => ClientHttp2Session;
  /** Calls without an end of their own: passed on as they come. */
  readonly isStream: (path: string) => boolean;
  readonly intercept: (call: ProxiedCall, forward: Forward) => Promise<ProxiedAnswer>;
  /** What a stream is opened with instead, undefined for what the client asked for. */
  readonly redirect?: (path: string) => string | undefined;
}

export class Http2Proxy {
  readonly #options: Http2ProxyOptions;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(options: Http2ProxyOptions) {
    this.#options = options;
    options.server.on('session', session => this.#accept(session));
    // A client that was killed: nobody is left to be told.
    options.server.on('sessionError', () => undefined);
  }

  /** Cuts every connection, as a restart of the server would. */
  disconnect(): void {
    for (const session of this.#sessions) session.destroy();
  }

  async close(): Promise<void> {
    this.disconnect();
    await new Promise(resolve => this.#options.server.close(resolve));
  }

  #accept(session: ServerHttp2Session): void {
    const upstream = this.#options.dial();
    this.#sessions.add(session);
    upstream.on('error', () => session.destroy());
    upstream.on('close', () => session.destroy());
    session.on('error', () => upstream.destroy());
    session.on('close', () => {
      this.#sessions.delete(session);
      upstream.destroy();
    });
    session.on('stream', (stream, headers) => {
      stream.on('error', () => undefined); // followed by its close
      const path = headers[':path'] ?? '';
      if (this.#options.isStream(path)) this.#pipe(upstream, stream, headers);
      else void this.#serve(upstream, stream, headers).catch(() => stream.destroy());
    });
  }

  async #serve(
    upstream: ClientHttp2Session,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): Promise<void> {
    const gone = new AbortController();
    stream.on('close', () => gone.abort());
    const body = await collect(stream);
    const call = {
      method: headers[':method'] ?? '',
      path: headers[':path'] ?? '',
      body,
      signal: gone.signal,
    };
    const answer = await this.#options.intercept(call, changes =>
      exchange(upstream, withPath(headers, changes?.path), body, gone.signal),
    );
    if (!stream.destroyed) respond(stream, answer);
  }

  #pipe(upstream: ClientHttp2Session, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const request = upstream.request(withPath(headers, this.#options.redirect?.(headers[':path'] ?? '')));
    let trailers: OutgoingHttpHeaders = {};
    request.on('error', () => stream.destroy());
    request.on('trailers', received => {
      trailers = received;
    });
    request.on('response', received => {
      if (!stream.destroyed) stream.respond(withoutStatusHelpers(received), { waitForTrailers: true });
      request.pipe(stream);
    });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.on('close', () => request.close(constants.NGHTTP2_CANCEL));
    stream.pipe(request);
  }
}

function exchange(
  upstream: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body: Buffer,
  signal: AbortSignal,
): Promise<ProxiedAnswer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = upstream.request(headers, { endStream: body.length === 0 });
    let received: OutgoingHttpHeaders = {};
    let trailers: OutgoingHttpHeaders | undefined;
    const chunks: Buffer[] = [];
    // As the client's own connection would have: the server hears that nobody waits any more.
    const cancel = (): void => request.close(constants.NGHTTP2_CANCEL);
    signal.addEventListener('abort', cancel, { once: true });
    request.on('response', answer => {
      received = withoutStatusHelpers(answer);
    });
    request.on('trailers', answer => {
      trailers = answer;
    });
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => resolve({ headers: received, body: Buffer.concat(chunks), trailers }));
    request.on('error', reject);
    request.on('close', () => {
      signal.removeEventListener('abort', cancel);
      reject(new Error('the server closed the stream')); // no effect after its end
    });
    if (body.length > 0) request.end(body);
  });
}

function respond(stream: ServerHttp2Stream, { headers, body, trailers }: ProxiedAnswer): void {
  if (trailers === undefined) {
    stream.respond(headers, { endStream: body.length === 0 });
    if (body.length > 0) stream.end(body);
    return;
  }
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.respond(headers, { waitForTrailers: true });
  stream.end(body);
}

function withPath(headers: IncomingHttpHeaders, path: string | undefined): OutgoingHttpHeaders {
  return path === undefined ? { ...headers } : { ...headers, ':path': path };
}

function withoutStatusHelpers(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): OutgoingHttpHeaders {
  return { ...headers };
}

async function collect(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array)); // a stream without an encoding
  return Buffer.concat(chunks);
}
