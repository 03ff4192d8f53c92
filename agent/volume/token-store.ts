// Service account tokens of the node's pods by TokenRequest (authentication.k8s.io/v1), each bound to its pod, kept in
// memory and refreshed long before they end. While the API server is away the old token stays.
import type { ApiClient } from '../api/client.ts';
import { serviceAccountTokenPath } from '../api/paths.ts';
import { settledOrAborted } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, UnavailableError } from '../lib/errors.ts';
import { LateTasks } from '../lib/late-tasks.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';
import { OutageLog } from '../lib/outage-log.ts';
import { keepFresh } from './keep-fresh.ts';

export interface TokenRequest {
  readonly podUID: string;
  readonly podName: string;
  readonly namespace: string;
  readonly serviceAccountName: string;
  /** Empty: the API server's own. */
  readonly audience: string;
  readonly expirationSeconds: number;
}

export type TokenLookup =
  | { readonly kind: 'present'; readonly token: string }
  /** None, or none that is still good; `problem` says why. */
  | { readonly kind: 'missing'; readonly problem: string };

/** A token with its times on our own clock: an API server whose clock differs must not make us ask all the time. */
export interface StoredToken {
  readonly token: string;
  readonly issuedAtMs: number;
  readonly lifeMs: number;
}

interface Entry {
  readonly request: TokenRequest;
  readonly abort: AbortController;
  current: StoredToken | undefined;
  problem: string;
  /** Resolved with the first token, or when several requests have failed. */
  readonly settled: PromiseWithResolvers<void>;
}

const NOT_FETCHED = 'timed out waiting for the condition';
const MAX_AGE_MS = 24 * 3_600_000; // as the kubelet: a long-lived token is still renewed daily
const REFRESH_AT_SHARE = 0.8;
const MAX_JITTER_MS = 10_000;
// A pod seen a moment before the API server's authoriser sees it is refused once or twice.
const RETRY = { initialMs: 50, maxMs: 30_000, jitter: 0.3 };
const SETTLED_AFTER_FAILURES = 5; // about three quarters of a second
const REQUEST_TIMEOUT_MS = 10_000;

export class TokenStore {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #outage: OutageLog;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Listeners<[podUID: string]>();
  readonly #tasks = new LateTasks();

  constructor({ client, clock, logger }: { client: ApiClient; clock: Clock; logger: Logger }) {
    this.#client = client;
    this.#clock = clock;
    this.#logger = logger;
    this.#outage = new OutageLog(logger, 'fetching service account tokens');
  }

  /** Fetches and refreshes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#tasks.run(signal);
  }

  /** Called with the pod whose token arrived or was renewed; it only wakes. */
  onChange(listener: (podUID: string) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Keeps a token for the pod from now on; `published` is the one its volume holds from before a restart. */
  acquire(request: TokenRequest, published?: string): void {
    const key = keyOf(request);
    if (this.#entries.has(key)) return;
    const entry: Entry = {
      request,
      abort: new AbortController(),
      current: published === undefined ? undefined : parsePublishedToken(published, request),
      problem: NOT_FETCHED,
      settled: Promise.withResolvers(),
    };
    if (entry.current) entry.settled.resolve();
    this.#entries.set(key, entry);
    this.#tasks.start(signal => this.#keepFresh(entry, signal), entry.abort);
  }

  /** Drops the pod's tokens. */
  release(podUID: string): void {
    for (const [key, entry] of this.#entries) {
      if (entry.request.podUID !== podUID) continue;
      this.#entries.delete(key);
      entry.abort.abort();
      entry.settled.resolve();
    }
  }

  has(request: TokenRequest): boolean {
    return this.#entries.has(keyOf(request));
  }

  get(request: TokenRequest): TokenLookup {
    const entry = this.#entries.get(keyOf(request));
    const current = entry?.current;
    if (current && current.issuedAtMs + current.lifeMs > this.#clock.nowMs())
      return { kind: 'present', token: current.token };
    const prefix = current ? 'token expired and refresh failed' : 'failed to fetch token';
    return { kind: 'missing', problem: `${prefix}: ${entry?.problem ?? 'not requested'}` };
  }

  /** Resolves when the first token is there, after a few refusals, on release or on abort; the caller looks with `get`. */
  async waitSettled(request: TokenRequest, { signal }: { signal: AbortSignal }): Promise<void> {
    const entry = this.#entries.get(keyOf(request));
    if (entry && !entry.current) await settledOrAborted(entry.settled.promise, signal);
  }

  async #keepFresh(entry: Entry, signal: AbortSignal): Promise<void> {
    const token = {
      dueAtMs: entry.current ? dueAtMsOf(entry.current) : 0,
      attempt: async () => {
        const fetched = await this.#fetch(entry, signal);
        return fetched ? dueAtMsOf(fetched) : 'failed';
      },
      retry: RETRY,
      patience: SETTLED_AFTER_FAILURES,
      onImpatience: () => entry.settled.resolve(),
    } as const;
    await keepFresh(token, { clock: this.#clock, signal });
  }

  async #request(request: TokenRequest, signal: AbortSignal): Promise<StoredToken> {
    const { namespace, serviceAccountName, podName, podUID, audience, expirationSeconds } = request;
    const path = serviceAccountTokenPath(namespace, serviceAccountName);
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: podName, uid: podUID },
      },
    };
    const issuedAtMs = this.#clock.nowMs();
    const options = { signal, timeoutMs: REQUEST_TIMEOUT_MS };
    const { spec, status } = await this.#client.create<TokenAnswer>(path, body, options);
    if (!status?.token) throw new Error('the API server answered without a token');
    // The server may grant less than was asked for.
    return { token: status.token, issuedAtMs, lifeMs: (spec?.expirationSeconds ?? expirationSeconds) * 1000 };
  }

  // An API server that is away is one piece of news, however many tokens wait; a refusal is each token's own.
  #noteFailure(entry: Entry, error: unknown): void {
    const before = entry.problem;
    entry.problem = errorMessage(error);
    if (error instanceof UnavailableError) {
      this.#outage.failed(error);
      return;
    }
    if (entry.problem === before) return;
    const { podUID, namespace, podName, serviceAccountName: serviceAccount } = entry.request;
    const pod = `${namespace}/${podName}`;
    this.#logger.warn({ podUID, pod, serviceAccount, err: error }, 'fetching a service account token failed');
  }

  async #fetch(entry: Entry, signal: AbortSignal): Promise<StoredToken | undefined> {
    try {
      const token = await this.#request(entry.request, signal);
      this.#outage.succeeded();
      entry.current = token;
      entry.problem = NOT_FETCHED;
      entry.settled.resolve();
      this.#listeners.tell(entry.request.podUID);
      return token;
    } catch (error) {
      if (!signal.aborted) this.#noteFailure(entry, error);
      return undefined;
    }
  }
}

/** When a token is renewed: at 80 % of its life, or after a day; before jitter. */
export function refreshAtMs({ issuedAtMs, lifeMs }: Omit<StoredToken, 'token'>): number {
  return issuedAtMs + Math.min(lifeMs * REFRESH_AT_SHARE, MAX_AGE_MS);
}

function dueAtMsOf(token: StoredToken): number {
  return refreshAtMs(token) - Math.random() * MAX_JITTER_MS;
}

interface TokenAnswer {
  readonly spec?: { readonly expirationSeconds?: number };
  readonly status?: { readonly token?: string };
}

/**
 * The token a volume holds, as if just fetched; undefined when it is not this request's. Its own `exp` may lie a year
 * ahead (extended tokens), so the life asked for counts from `iat`.
 */
export function parsePublishedToken(text: string, request: TokenRequest): StoredToken | undefined {
  const claims = parseClaims(text);
  if (!claims) return undefined;
  const { iat, aud, 'kubernetes.io': bound } = claims;
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (typeof iat !== 'number' || bound?.pod?.uid !== request.podUID) return undefined;
  if (request.audience !== '' && !audiences.includes(request.audience)) return undefined;
  return { token: text, issuedAtMs: iat * 1000, lifeMs: request.expirationSeconds * 1000 };
}

interface Claims {
  readonly iat?: unknown;
  readonly aud?: unknown;
  readonly 'kubernetes.io'?: { readonly pod?: { readonly uid?: unknown } };
}

function parseClaims(token: string): Claims | undefined {
  const [, payload] = token.split('.');
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return typeof claims === 'object' && claims !== null ? claims : undefined; // fields are checked by the reader
  } catch {
    return undefined; // cut short or foreign: fetch a new one
  }
}

function keyOf(request: TokenRequest): string {
  const { podUID, namespace, serviceAccountName, audience, expirationSeconds } = request;
  return JSON.stringify([podUID, namespace, serviceAccountName, audience, expirationSeconds]);
}
