// One TCP connection to the API server with one undici Client on it. undici never dials here and never reconnects:
// a Client whose connection ended is thrown away, so no request is ever silently sent twice.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Client, Dispatcher } from 'undici';
import sendRequest from 'undici/lib/api/api-request.js';
import UndiciClient from 'undici/lib/dispatcher/client.js';
import { UnavailableError } from '../lib/errors.ts';

export interface ConnectionRequest {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly isWatch: boolean;
  readonly signal: AbortSignal;
}

export interface ConnectionEvents {
  /** The server has answered something: it is not only a port that accepts. */
  readonly onProven: () => void;
  /** No new requests please; those running may still finish. */
  readonly onDraining: (reason: string) => void;
  readonly onClosed: (reason: UnavailableError) => void;
  readonly onContact: () => void;
  /** A place has become free. */
  readonly onRoom: () => void;
}

const PING_INTERVAL_MS = 3000;
const TICK_MS = PING_INTERVAL_MS; // one wake-up for both
// A live peer answers each PING. Counted in ticks, not by the clock, so that a stalled event loop or a suspended
// machine is not mistaken for a silent peer.
const SILENT_TICKS_MAX = 2;
// HTTP/1.1 has no PING: a watch shows a bookmark about once a minute.
const SILENT_TICKS_MAX_HTTP1 = 50;
// Streams a kube-apiserver allows one connection (100) less a reserve for requests beside the watches.
const MAX_STREAMS = 98;
const MAX_WATCH_STREAMS = 80;
// Requests on a connection that takes no new ones get this long to finish.
const DRAIN_MS = 3000;
const IDLE_MS = 90_000;
const HTTP2_CONNECTION_WINDOW_BYTES = 1024 * 1024;

export class Connection {
  readonly isHttp2: boolean;
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #ticker: NodeJS.Timeout;
  #drainTimer: NodeJS.Timeout | undefined;
  #state: 'open' | 'draining' | 'closed' = 'open';
  #streams = 0;
  #bytesSeen = 0;
  #silentTicks = 0;
  #reason: string | undefined;
  readonly #watches = new Set<Dispatcher.ResponseData['body']>();
  #isProven = false;

  constructor(socket: Socket, origin: string, events: ConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    this.isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2';
    this.#client = createClient(socket, origin, () => this.destroy('the HTTP/2 session ended'));
    this.#bytesSeen = socket.bytesRead;
    this.#ticker = setInterval(() => this.#tick(), TICK_MS).unref();
    socket.once('error', error => {
      this.#reason ??= error.message;
    });
    socket.once('close', () => this.#onSocketClose());
    // Also at a GOAWAY: the server wants us elsewhere (it shuts down, or balances its load).
    this.#client.on('disconnect', (_origin, _targets, error) => this.#onDisconnect(error.message));
  }

  get streams(): number {
    return this.#streams;
  }

  get isProven(): boolean {
    return this.#isProven;
  }

  /** Takes a place for one `request`, which gives it back; false when there is none. */
  reserve(isWatch: boolean): boolean {
    const limit = isWatch ? MAX_WATCH_STREAMS : MAX_STREAMS;
    // Destroyed but not yet closed: undici has let go of it already.
    if (this.#state !== 'open' || this.#socket.destroyed) return false;
    if (this.#streams >= (this.isHttp2 ? limit : 1)) return false;
    this.#streams += 1;
    return true;
  }

  /** Sends one request on a place taken before; the place is free again when the response's body has closed. */
  async request(request: ConnectionRequest): Promise<Dispatcher.ResponseData> {
    const { method, path, headers, isWatch, signal } = request;
    const body = request.body ?? null;
    try {
      const response = await sendRequest.call(this.#client, { method, path, headers, body, signal });
      if (isWatch) this.#watches.add(response.body);
      response.body.once('close', () => {
        this.#watches.delete(response.body);
        this.#release();
      });
      this.#prove();
      return response;
    } catch (error) {
      this.#release();
      if (signal.aborted) throw signal.reason;
      throw new UnavailableError(`connection lost: ${this.#reason ?? String(error)}`, {
        code: 'ConnectionLost',
        cause: error,
      });
    }
  }

  /** Takes no more requests, ends the watches (they resume elsewhere), lets requests finish. Idempotent. */
  drain(reason: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#reason ??= reason;
    this.#drainTimer = setTimeout(() => this.destroy(reason), DRAIN_MS).unref();
    this.#events.onDraining(this.#reason);
    const ended = new UnavailableError(reason, { code: 'ConnectionLost' });
    for (const watch of this.#watches) watch.destroy(ended);
    if (this.#streams === 0) this.destroy(reason);
  }

  destroy(reason: string): void {
    this.#reason ??= reason;
    this.#socket.destroy(new Error(this.#reason));
  }

  #release(): void {
    this.#streams -= 1;
    if (this.#state === 'open') this.#events.onRoom();
    else if (this.#state === 'draining' && this.#streams === 0) this.destroy('drained');
  }

  #onDisconnect(reason: string): void {
    // Before undici resumes its queue: it must not dial. What runs on a session that got a GOAWAY goes on.
    this.#discardClient(reason);
    this.drain(reason);
  }

  #discardClient(reason: string): void {
    // Nothing waits for the clean-up behind this promise, and it does not reject.
    void this.#client.destroy(new UnavailableError(reason, { code: 'ConnectionLost' }));
  }

  #prove(): void {
    if (this.#isProven) return;
    this.#isProven = true;
    this.#events.onProven();
  }

  #tick(): void {
    const { bytesRead } = this.#socket;
    if (bytesRead !== this.#bytesSeen) {
      this.#bytesSeen = bytesRead;
      this.#silentTicks = 0;
      this.#events.onContact();
      return;
    }
    this.#silentTicks += 1;
    const limit = this.isHttp2 ? SILENT_TICKS_MAX : SILENT_TICKS_MAX_HTTP1;
    if (this.#silentTicks >= limit) {
      this.destroy(`nothing received for ${(limit * TICK_MS) / 1000} s, not even the answer to a PING`);
    }
  }

  #onSocketClose(): void {
    this.#state = 'closed';
    clearInterval(this.#ticker);
    clearTimeout(this.#drainTimer);
    const reason = new UnavailableError(`connection lost: ${this.#reason ?? 'closed by the server'}`, {
      code: 'ConnectionLost',
    });
    this.#discardClient(reason.message);
    this.#events.onClosed(reason);
  }
}

/** `onRedial`: undici has lost the session and wants another socket, which it does not get. */
function createClient(socket: Socket, origin: string, onRedial: () => void): Client {
  let isHandedOver = false;
  return new UndiciClient(origin, {
    allowH2: true,
    // All deadlines are our own: a watch has none.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_MS,
    h2Options: {
      maxConcurrentStreams: MAX_STREAMS + 2,
      pingInterval: PING_INTERVAL_MS,
      connectionWindowSize: HTTP2_CONNECTION_WINDOW_BYTES,
    },
    connect: (_options, callback) => {
      const isFirst = !isHandedOver;
      isHandedOver = true;
      // Not in the same tick: undici's queue does not move while it is calling us.
      process.nextTick(() => {
        if (isFirst && !socket.destroyed) return callback(null, socket);
        onRedial();
        callback(new UnavailableError('connection ended', { code: 'ConnectionLost' }), null);
      });
    },
  });
}
