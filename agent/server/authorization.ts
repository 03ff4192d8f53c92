// May they? The API server decides by SubjectAccessReview; answers are kept for a while.

import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '../api/client.ts';
import { CachedLookup } from '../lib/cached-lookup.ts';
import type { Clock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { RequestAttributes } from './build-attributes.ts';
import type { User } from './user.ts';

export interface AuthorizationConfig {
  readonly nodeName: string;
  readonly authorizationMode: 'AlwaysAllow' | 'Webhook';
  readonly webhookAuthorizedTTLMs: number;
  readonly webhookUnauthorizedTTLMs: number;
}

export type AuthorizationOutcome =
  | { readonly kind: 'allowed' }
  /** `message` is the body of the answer. */
  | { readonly kind: 'denied'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

interface SubjectAccessReview {
  readonly status?: { readonly allowed?: boolean };
}

const REVIEWS_PATH = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
const REVIEW_TIMEOUT_MS = 10_000;
const CACHED_REVIEWS = 8192;
const CACHEABLE_CHARACTERS = 10_000;
const ATTEMPTS = 5;
const RETRY_INITIAL_MS = 500;
const RETRY_FACTOR = 1.5;
const RETRY_JITTER = 0.2;

export class Authorizer {
  readonly #api: ApiClient;
  readonly #config: AuthorizationConfig;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #reviews: CachedLookup<boolean>;

  constructor(
    deps: { readonly api: ApiClient; readonly clock: Clock; readonly logger: Logger },
    config: AuthorizationConfig,
    { signal }: { readonly signal: AbortSignal },
  ) {
    this.#api = deps.api;
    this.#config = config;
    this.#logger = deps.logger;
    this.#signal = signal;
    this.#reviews = new CachedLookup({
      clock: deps.clock,
      maxEntries: CACHED_REVIEWS,
      ttlMs: isAllowed => (isAllowed ? config.webhookAuthorizedTTLMs : config.webhookUnauthorizedTTLMs),
    });
  }

  async authorize(user: User, { verb, subresources }: RequestAttributes): Promise<AuthorizationOutcome> {
    if (this.#config.authorizationMode === 'AlwaysAllow') return { kind: 'allowed' };
    const who = `user=${user.username}, verb=${verb}, resource=nodes`;
    for (const subresource of subresources) {
      try {
        if (await this.#isAllowed(user, verb, subresource)) return { kind: 'allowed' };
      } catch (error) {
        this.#logger.warn({ user: user.username, verb, subresource, err: error }, 'request not authorized');
        return { kind: 'failed', message: `Authorization error (${who}, subresource=${subresource})` };
      }
    }
    return {
      kind: 'denied',
      message: `Forbidden (${who}, subresource(s)=[${subresources.join(' ')}])\n`,
    };
  }

  #isAllowed(user: User, verb: string, subresource: string): Promise<boolean> {
    const name = this.#config.nodeName;
    const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name };
    const { username, uid, groups, extra } = user;
    const spec = { resourceAttributes, user: username, groups, ...(uid && { uid }), ...(extra && { extra }) };
    const key = JSON.stringify(spec);
    const ask = (): Promise<boolean> => this.#askServer(spec);
    return key.length < CACHEABLE_CHARACTERS ? this.#reviews.get(key, ask) : ask();
  }

  async #askServer(spec: unknown): Promise<boolean> {
    const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
    const options = { signal: this.#signal, timeoutMs: REVIEW_TIMEOUT_MS };
    for (let attempt = 1, pauseMs = RETRY_INITIAL_MS; ; attempt += 1, pauseMs *= RETRY_FACTOR) {
      try {
        const { status } = await this.#api.create<SubjectAccessReview>(REVIEWS_PATH, review, options);
        return status?.allowed === true;
      } catch (error) {
        const isWorthAnother = error instanceof UnavailableError && attempt < ATTEMPTS;
        if (!isWorthAnother || this.#signal.aborted) throw error;
        await delay(pauseMs * (1 + RETRY_JITTER * Math.random()), undefined, { signal: this.#signal });
      }
    }
  }
}
