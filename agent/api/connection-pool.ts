// Normally one HTTP/2 connection; a second one when its streams run out, or while an old one drains. While the server
// cannot be reached requests wait here for the next connection: an outage shorter than their deadline is only slow.

import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { Backoff } from '../lib/backoff.ts';
import { DeniedError, UnavailableError } from '../lib/errors.ts';
import { sleep } from '../lib/sleep.ts';
import { Connection } from './connection.ts';
import type { TlsMaterial } from './credentials.ts';
import { dial, type Endpoint } from './dial.ts';
import { errorFromTransport } from './errors.ts';

/** How well the API server can be reached, for conditions and status pages. */
export interface Freshness {
  readonly isConnected: boolean;
  /** When anything was last received; undefined before the first answer. Exact to a second. */
  readonly lastContactAtMs: number | undefined;
  /** Why there is no connection, in one line. */
  readonly lastError: string | undefined;
}

interface Waiter {
  readonly isWatch: boolean;
  readonly admit: (connection: Connection) => void;
  readonly fail: (error: Error) => void;
}

// The pause is short, since nothing waits longer than this after the path heals; half of it is random, so that a
// thousand nodes do not come back in the same moment.
const DIAL_BACKOFF = { initialMs: 250, maxMs: 4000, jitter: 0.5 };
// HTTP/1.1 needs a connection per running request; HTTP/2 never gets near.
const MAX_CONNECTIONS = 256;
// Each reason is logged once per outage, and not endlessly many of them.
const MAX_OUTAGE_REASONS = 4;

export class ConnectionPool {
  readonly #endpoint: Endpoint;
  readonly #tls: () => TlsMaterial;
  readonly #logger: Logger;
  readonly #lifetime = new AbortController();
  readonly #connections = new Set<Connection>();
  readonly #waiters = new Set<Waiter>();
  readonly #backoff = new Backoff(DIAL_BACKOFF);
  #dialing: Promise<void> | undefined;
  #lastContactAtMs: number | undefined;
  #notBeforeMs = 0;
  #outage: { readonly sinceMs: number; readonly reasons: Set<string> } | undefined;
  #lastError: string | undefined;

  constructor(deps: { endpoint: Endpoint; tls: () => TlsMaterial; logger: Logger }) {
    this.#endpoint = deps.endpoint;
    this.#tls = deps.tls;
    this.#logger = deps.logger;
  }

  get freshness(): Freshness {
    const isConnected = [...this.#connections].some(connection => connection.isProven);
    return {
      isConnected,
      lastContactAtMs: this.#lastContactAtMs,
      lastError: isConnected ? undefined : this.#lastError,
    };
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** A connection with room, at once or after dialing. Waits as long as the signal allows. */
  acquire({ isWatch, signal }: { isWatch: boolean; signal: AbortSignal }): Promise<Connection> {
    signal.throwIfAborted();
    const free = this.#take(isWatch);
    if (free) return Promise.resolve(free);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => waiter.fail(signal.reason);
      const leave = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        isWatch,
        admit: connection => {
          leave();
          resolve(connection);
        },
        fail: error => {
          leave();
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#ensureDialing();
    });
  }

  /** New requests go to new connections with the present credentials; the old ones end when theirs have finished. */
  replaceAll(reason: string): void {
    for (const connection of this.#connections) connection.drain(reason);
  }

  async close(): Promise<void> {
    const error = new UnavailableError('the API client is closed', { code: 'Closed' });
    this.#lifetime.abort(error);
    for (const waiter of this.#waiters) waiter.fail(error);
    for (const connection of this.#connections) connection.destroy('the API client is closed');
    await this.#dialing;
  }

  /** Finds a connection and takes one of its places, which the request gives back. */
  #take(isWatch: boolean): Connection | undefined {
    for (const connection of this.#connections) {
      if (connection.reserve(isWatch)) return connection;
    }
    return undefined;
  }

  #serveWaiters(): void {
    for (const waiter of this.#waiters) {
      const connection = this.#take(waiter.isWatch);
      if (connection) waiter.admit(connection);
    }
  }

  #ensureDialing(): void {
    if (this.#dialing || !this.#isDialWanted()) return;
    this.#dialing = this.#dialWhileWanted().finally(() => {
      this.#dialing = undefined;
      this.#ensureDialing();
    });
  }

  #isDialWanted(): boolean {
    if (this.#lifetime.signal.aborted) return false;
    return this.#waiters.size > 0 && this.#connections.size < MAX_CONNECTIONS;
  }

  async #dialWhileWanted(): Promise<void> {
    const { signal } = this.#lifetime;
    while (this.#isDialWanted()) {
      await sleep(this.#notBeforeMs - performance.now(), { signal });
      if (!this.#isDialWanted()) return;
      try {
        this.#adopt(await dial(this.#endpoint, this.#tls(), { signal }));
      } catch (error) {
        if (signal.aborted) return;
        this.#onFailure(errorFromTransport(error, this.#endpoint.url.origin));
      }
    }
  }

  #adopt(socket: Socket): void {
    const connection: Connection = new Connection(socket, this.#endpoint.url.origin, {
      onContact: () => this.#touch(),
      onRoom: () => this.#serveWaiters(),
      onProven: () => this.#onProven(),
      onDraining: reason => this.#logger.debug({ reason }, 'API connection takes no more requests'),
      onClosed: reason => this.#onClosed(connection, reason),
    });
    this.#connections.add(connection);
    this.#serveWaiters();
  }

  #onClosed(connection: Connection, reason: UnavailableError): void {
    this.#connections.delete(connection);
    if (this.#lifetime.signal.aborted) return;
    this.#lastError = reason.message;
    if (connection.isProven) this.#logger.info({ reason: reason.message }, 'API connection ended');
    // It accepted and then ended before the server said a word: the next attempt is not made at once.
    else this.#onFailure(errorFromTransport(reason, this.#endpoint.url.origin));
    this.#ensureDialing();
  }

  #onFailure(error: UnavailableError | DeniedError): void {
    this.#notBeforeMs = performance.now() + this.#backoff.nextMs();
    this.#lastError = error.message;
    this.#outage ??= { sinceMs: Date.now(), reasons: new Set() };
    const { reasons } = this.#outage;
    if (!reasons.has(error.message) && reasons.size < MAX_OUTAGE_REASONS) {
      reasons.add(error.message);
      this.#logger.warn({ reason: error.message }, 'API server unreachable');
    }
    // Waiting does not mend a wrong CA: whoever asked is told at once.
    if (error instanceof DeniedError) for (const waiter of this.#waiters) waiter.fail(error);
  }

  #onProven(): void {
    this.#backoff.reset();
    this.#touch();
    if (this.#outage) {
      const durationMs = Date.now() - this.#outage.sinceMs;
      this.#logger.info({ durationMs, server: this.#endpoint.url.origin }, 'API server reachable again');
    }
    this.#outage = undefined;
  }

  #touch(): void {
    this.#lastContactAtMs = Date.now();
  }
}
