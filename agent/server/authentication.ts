// Who asks: a client certificate, a bearer token that the API server vouches for, or nobody.

import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ApiClient } from '../api/client.ts';
import { CachedLookup } from '../lib/cached-lookup.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { bearerToken } from './bearer-token.ts';
import { readClientCertificate } from './client-certificate.ts';
import { ANONYMOUS, AUTHENTICATED_GROUP, type User } from './user.ts';

export interface AuthenticationConfig {
  readonly clientCAFile: string | undefined;
  readonly webhookAuthentication: boolean;
  readonly webhookAuthenticationCacheTTLMs: number;
  readonly anonymousAuth: boolean;
}

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly error?: string;
    readonly user?: {
      readonly username?: string;
      readonly uid?: string;
      readonly groups?: readonly string[];
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}

const TOKEN_REVIEWS_PATH = '/apis/authentication.k8s.io/v1/tokenreviews';
const REVIEW_TIMEOUT_MS = 30_000;
const CACHED_TOKENS = 4096;
// Whoever can reach the port can make us ask: not at the cost of the node's own requests.
const CONCURRENT_REVIEWS = 16;

export class Authenticator {
  readonly #api: ApiClient;
  readonly #config: AuthenticationConfig;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  // Tokens are not kept, only what nobody can turn back into one.
  readonly #cacheKey = randomBytes(32);
  readonly #tokens: CachedLookup<User | undefined>;
  readonly #places = new Semaphore(CONCURRENT_REVIEWS);

  constructor(
    deps: { readonly api: ApiClient; readonly clock: Clock; readonly logger: Logger },
    config: AuthenticationConfig,
    { signal }: { readonly signal: AbortSignal },
  ) {
    this.#api = deps.api;
    this.#config = config;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#signal = signal;
    const ttlMs = config.webhookAuthenticationCacheTTLMs;
    this.#tokens = new CachedLookup({ clock: deps.clock, maxEntries: CACHED_TOKENS, ttlMs: () => ttlMs });
  }

  /** Undefined: nobody we know. A credential that is wrong is never anonymous. */
  async authenticate(
    headers: IncomingHttpHeaders,
    connection: Socket | undefined,
  ): Promise<User | undefined> {
    const certificate = this.#certificate(connection);
    if (certificate.kind === 'user') return withAuthenticatedGroup(certificate.user);
    const token = this.#config.webhookAuthentication ? bearerToken(headers) : undefined;
    const user = token === undefined ? undefined : await this.#review(token);
    if (user) return withAuthenticatedGroup(user);
    const hasFailed = certificate.kind === 'rejected' || token !== undefined;
    return hasFailed || !this.#config.anonymousAuth ? undefined : ANONYMOUS;
  }

  #certificate(connection: Socket | undefined): ReturnType<typeof readClientCertificate> {
    // Without an authority of ours Node would check against its list of public ones, which know nobody of a cluster.
    if (this.#config.clientCAFile === undefined || !(connection instanceof TLSSocket))
      return { kind: 'none' };
    return readClientCertificate(connection, this.#clock.nowMs());
  }

  async #review(token: string): Promise<User | undefined> {
    const key = createHmac('sha256', this.#cacheKey).update(token).digest('base64');
    try {
      const ask = (): Promise<User | undefined> => this.#askServer(token);
      return await this.#tokens.get(key, () => this.#places.run(ask, { signal: this.#signal, priority: 0 }));
    } catch (error) {
      this.#logger.warn(
        { err: error },
        'token not checked, refusing the request: the API server did not say',
      );
      return undefined;
    }
  }

  async #askServer(token: string): Promise<User | undefined> {
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
    const options = { signal: this.#signal, timeoutMs: REVIEW_TIMEOUT_MS };
    const { status } = await this.#api.create<TokenReview>(TOKEN_REVIEWS_PATH, review, options);
    if (status?.authenticated !== true) return undefined;
    const { username = '', uid, groups = [], extra } = status.user ?? {};
    return {
      username,
      groups,
      ...(uid !== undefined && uid !== '' && { uid }),
      ...(extra && { extra }),
    };
  }
}

function withAuthenticatedGroup(user: User): User {
  const isIn = user.groups.includes(AUTHENTICATED_GROUP) || user.username === ANONYMOUS.username;
  return isIn ? user : { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}
