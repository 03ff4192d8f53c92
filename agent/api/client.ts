import type { Logger } from 'pino';
import { Counter } from 'prom-client';
import type { Dispatcher } from 'undici';
import { Deadline } from '../lib/deadline.ts';
import { DeniedError, ExpiredError, errorMessage, InvalidError, UnavailableError } from '../lib/errors.ts';
import { Listeners } from '../lib/listeners.ts';
import { metricsRegistry } from '../lib/metrics.ts';
import { sleep } from '../lib/sleep.ts';
import { ConnectionPool, type Freshness } from './connection-pool.ts';
import { Credentials } from './credentials.ts';
import { type ApiError, errorFromResponse } from './errors.ts';
import { type Kubeconfig, readKubeconfig } from './kubeconfig.ts';
import { readLines } from './lines.ts';

const requestsTotal = new Counter({
  name: 'rest_client_requests_total',
  help: 'Number of HTTP requests to the API server, partitioned by status code and method',
  labelNames: ['code', 'method'],
  registers: [metricsRegistry],
});

export type PatchType = 'strategic' | 'merge' | 'json' | 'apply';

export interface RequestOptions {
  readonly signal: AbortSignal;
  readonly query?: Readonly<Record<string, string>>;
  /** For everything: waiting for a connection, repeats, the answer. Default 30 s. */
  readonly timeoutMs?: number;
}

export interface ConnectOptions {
  readonly kubeconfigPath: string;
  readonly logger: Logger;
  /** `nodelet/<version> (linux/amd64)` */
  readonly userAgent: string;
  /** Instead of the kubeconfig's current-context. */
  readonly context?: string;
  /** One file with certificate and key, in the place of the kubeconfig's own: the pair that is rotated. */
  readonly clientPemPath?: string | undefined;
  /** Bounds `connect` alone; the client lives until `close`. */
  readonly signal: AbortSignal;
}

interface Traits {
  readonly contentType?: string;
  readonly isWatch?: boolean;
  readonly isRepeatable?: boolean;
}

interface Request {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly body: string | undefined;
  readonly contentType: string | undefined;
  readonly isWatch: boolean;
  /** The same request sent twice changes nothing more than sent once. */
  readonly isRepeatable: boolean;
}

const CONTENT_TYPES: Readonly<Record<PatchType, string>> = {
  strategic: 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml', // JSON is YAML
};

const DEFAULT_TIMEOUT_MS = 30_000;
// A watch has no deadline, but the server answers its headers at once.
const WATCH_HEADERS_TIMEOUT_MS = 30_000;
const MAX_ERROR_BODY_CHARACTERS = 64 * 1024;
const REPEAT_MIN_MS = 100;
const REPEAT_MAX_MS = 3000;

/** What leads to a kube-apiserver. */
interface ServerLink {
  readonly url: string;
  /** The path of a server URL that has one, as behind a proxy. */
  readonly pathPrefix: string;
  readonly credentials: Credentials;
  readonly pool: ConnectionPool;
}

/** Requests to one kube-apiserver. Errors are the classes of lib/errors.ts; see api/errors.ts. */
export class ApiClient {
  readonly #server: ServerLink | undefined;
  readonly #userAgent: string;
  readonly #lifetime = new AbortController();
  readonly #storeListeners = new Listeners();
  #history = new AbortController();
  readonly #reload: Promise<void> | undefined;

  private constructor(server: ServerLink | undefined, userAgent: string) {
    this.#server = server;
    this.#userAgent = userAgent;
    const replace = (): void => server?.pool.replaceAll('credentials changed');
    this.#reload = server?.credentials.runReload(replace, { signal: this.#lifetime.signal });
  }

  /** Reads the kubeconfig and its files; does not dial. Throws InvalidError with one clear line. */
  static async connect(options: ConnectOptions): Promise<ApiClient> {
    const written = await readKubeconfig(options.kubeconfigPath, options.context);
    const kubeconfig = withClientPem(written, options.clientPemPath);
    const credentials = await Credentials.load(kubeconfig, options);
    const { server, isInsecure, tlsServerName } = kubeconfig.cluster;
    const url = new URL(server);
    const pool = new ConnectionPool({
      endpoint: { url, isInsecure, tlsServerName },
      tls: () => credentials.tls,
      logger: options.logger,
    });
    const pathPrefix = url.pathname.replace(/\/+$/, '');
    return new ApiClient({ url: server, pathPrefix, credentials, pool }, options.userAgent);
  }

  /** For an agent that has none: every request fails at once with an InvalidError that says so. */
  static none(): ApiClient {
    return new ApiClient(undefined, '');
  }

  /** False for an agent without an API server, which has nobody to watch and nobody to tell. */
  get hasServer(): boolean {
    return this.#server !== undefined;
  }

  get serverUrl(): string {
    return this.#link.url;
  }

  get freshness(): Freshness {
    return this.#link.pool.freshness;
  }

  /** How many connections there are: one, but for moments and for very many watches. */
  get connectionCount(): number {
    return this.#link.pool.connectionCount;
  }

  get #link(): ServerLink {
    if (this.#server) return this.#server;
    const message = 'this agent has no API server: nodelet.kubeconfig is not set';
    throw new InvalidError(message, { code: 'NoApiServer' });
  }

  /** What was read belongs to it; aborts when the cluster's store turns out to be an older one. */
  get history(): AbortSignal {
    return this.#history.signal;
  }

  /**
   * The cluster's store was restored from a backup: what was read since is of a future that will not come, and a watch
   * from there stays silent until the numbers catch up. Watches begin anew.
   */
  storeWentBack(): void {
    const past = this.#history;
    this.#history = new AbortController();
    past.abort(new ExpiredError("the cluster's store went back", { code: 'WentBack' }));
    this.#storeListeners.tell();
  }

  /** Called before the watches begin anew. */
  onStoreWentBack(listener: () => void): void {
    this.#storeListeners.add(listener);
  }

  get<T>(path: string, options: RequestOptions): Promise<T> {
    return this.#json<T>('GET', path, undefined, options, { isRepeatable: true });
  }

  create<T>(path: string, body: unknown, options: RequestOptions): Promise<T> {
    return this.#json<T>('POST', path, body, options, { isRepeatable: false });
  }

  replace<T>(path: string, body: unknown, options: RequestOptions): Promise<T> {
    // A repeat of a PUT that arrived is a conflict with ourselves: not worse than the error, and the caller reads again.
    return this.#json<T>('PUT', path, body, options, { isRepeatable: true });
  }

  patch<T>(path: string, body: unknown, options: RequestOptions & { readonly type: PatchType }): Promise<T> {
    const { type } = options;
    const isRepeatable = type !== 'json'; // JSON patches append to lists
    return this.#json<T>('PATCH', path, body, options, { isRepeatable, contentType: CONTENT_TYPES[type] });
  }

  async delete(path: string, body: unknown, options: RequestOptions): Promise<void> {
    await this.#json('DELETE', path, body, options, { isRepeatable: true });
  }

  /**
   * Opens a watch and hands out its lines; waits for a connection as long as the signal allows. Ends when the server
   * ends it, or after `timeoutMs` when that is given; throws when it fails, an ExpiredError with its history.
   */
  async *watchStream(
    path: string,
    options: RequestOptions & { readonly history: AbortSignal },
  ): AsyncGenerator<string> {
    const request = this.#request('GET', path, undefined, options, { isWatch: true });
    const { history } = options;
    using deadline = new Deadline({ signal: AbortSignal.any([options.signal, history]) });
    let hasOpened = false;
    try {
      const response = await this.#exchange(request, deadline);
      deadline.disarm();
      hasOpened = true;
      if (options.timeoutMs !== undefined) deadline.arm(options.timeoutMs);
      yield* bodyLines(response);
    } catch (error) {
      if (hasOpened && deadline.isExceeded) return;
      if (history.aborted && !options.signal.aborted) throw history.reason;
      throw this.#explain(error, request, deadline, options);
    } finally {
      deadline.cancel(); // also when the reader just stops: the stream must not stay open
    }
  }

  /** Looks at the credentials' files now instead of within ten seconds. */
  async refreshCredentials({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    await this.#refreshCredentials(signal);
  }

  async close(): Promise<void> {
    this.#lifetime.abort();
    this.#server?.credentials.close();
    await Promise.all([this.#server?.pool.close(), this.#reload]);
  }

  async #json<T>(
    method: Dispatcher.HttpMethod,
    path: string,
    body: unknown,
    options: RequestOptions,
    traits: Traits,
  ): Promise<T> {
    const request = this.#request(method, path, body, options, traits);
    using deadline = new Deadline(options);
    deadline.arm(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    try {
      return await this.#untilAnswered<T>(request, deadline);
    } catch (error) {
      throw this.#explain(error, request, deadline, options);
    }
  }

  async #untilAnswered<T>(request: Request, deadline: Deadline): Promise<T> {
    for (let repeats = 0; ; repeats += 1) {
      try {
        const response = await this.#exchange(request, deadline);
        // Taken to be what was asked for; callers read the answers of newer servers with care.
        return parseBody(await readText(response), request) as T;
      } catch (error) {
        const pauseMs = deadline.signal.aborted ? undefined : repeatAfterMs(error, request, repeats);
        if (pauseMs === undefined || pauseMs > deadline.remainingMs) throw error;
        await sleep(pauseMs, deadline);
      }
    }
  }

  /** One request and its answer below 300; one more when refreshed credentials may mend a 401. */
  async #exchange(request: Request, deadline: Deadline): Promise<Dispatcher.ResponseData> {
    const { signal } = deadline;
    for (let isFirst = true; ; isFirst = false) {
      const headers = await this.#headers(request, signal);
      const connection = await this.#link.pool.acquire({ isWatch: request.isWatch, signal });
      if (request.isWatch) deadline.arm(WATCH_HEADERS_TIMEOUT_MS);
      const response = await connection.request({ ...request, headers, signal });
      requestsTotal.inc({ code: response.statusCode, method: request.method });
      if (response.statusCode < 300) return response;
      const error = await failureOf(request, response);
      const isUnauthorized = error instanceof DeniedError && UNAUTHORIZED.has(error.code);
      if (!isUnauthorized) throw error;
      if (!isFirst || !(await this.#refreshCredentials(signal))) throw this.#explainUnauthorized(error);
    }
  }

  async #headers(request: Request, signal: AbortSignal): Promise<Record<string, string>> {
    return {
      ...(await this.#link.credentials.headers({ signal })),
      accept: 'application/json',
      'user-agent': this.#userAgent,
      ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
    };
  }

  async #refreshCredentials(signal: AbortSignal): Promise<boolean> {
    const { credentials, pool } = this.#link;
    const before = credentials.tlsFingerprint;
    const hasChanged = await credentials.refresh({ signal });
    if (credentials.tlsFingerprint !== before) pool.replaceAll('credentials changed');
    return hasChanged;
  }

  #explainUnauthorized(error: DeniedError): DeniedError {
    const why = this.#link.credentials.explainRejection(Date.now());
    const message = `API server ${this.serverUrl}: ${error.message}: ${why}`;
    return new DeniedError(message, { code: 'Unauthorized', cause: error });
  }

  #request(
    method: Dispatcher.HttpMethod,
    path: string,
    body: unknown,
    options: RequestOptions,
    traits: Traits,
  ): Request {
    const query = options.query ? `?${new URLSearchParams(options.query).toString()}` : '';
    return {
      method,
      path: `${this.#link.pathPrefix}${path}${query}`,
      body: body === undefined ? undefined : JSON.stringify(body),
      contentType: body === undefined ? undefined : (traits.contentType ?? 'application/json'),
      isWatch: traits.isWatch ?? false,
      isRepeatable: traits.isRepeatable ?? false,
    };
  }

  /** What the caller is told: its own abort, our deadline in words, or the error. */
  #explain(error: unknown, request: Request, deadline: Deadline, { signal }: RequestOptions): unknown {
    if (signal.aborted) return signal.reason;
    if (!deadline.isExceeded) return error;
    const { isConnected, lastError } = this.#link.pool.freshness;
    // While there is no connection, its trouble is the news, not this request.
    const message =
      (isConnected ? undefined : lastError) ?? `${request.method} ${request.path}: no answer in time`;
    return new UnavailableError(message, { code: 'DeadlineExceeded', cause: error });
  }
}

function withClientPem(kubeconfig: Kubeconfig, path: string | undefined): Kubeconfig {
  if (path === undefined) return kubeconfig;
  const pem = { kind: 'file', path } as const;
  return { ...kubeconfig, user: { ...kubeconfig.user, clientCertificate: pem, clientKey: pem } };
}

const UNAUTHORIZED = new Set(['Unauthorized', 'HTTP401']);

/** How long to wait before the same request may be sent again; undefined when it must not be. */
function repeatAfterMs(error: unknown, request: Request, repeats: number): number | undefined {
  if (!(error instanceof UnavailableError)) return undefined;
  if (error.retryAfterMs !== undefined) return Math.max(error.retryAfterMs, REPEAT_MIN_MS);
  if (error.code !== 'ConnectionLost' || !request.isRepeatable) return undefined;
  return repeats === 0 ? 0 : Math.min(REPEAT_MAX_MS, REPEAT_MIN_MS * 2 ** repeats);
}

async function failureOf(request: Request, response: Dispatcher.ResponseData): Promise<ApiError> {
  const body = (await readText(response)).slice(0, MAX_ERROR_BODY_CHARACTERS);
  const header = response.headers['retry-after'];
  return errorFromResponse({
    method: request.method,
    path: request.path,
    statusCode: response.statusCode,
    body,
    retryAfter: typeof header === 'string' ? header : undefined,
  });
}

function parseBody(text: string, { method, path }: Request): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = `${method} ${path}: the answer is not JSON (is there a proxy in between?)`;
    throw new UnavailableError(message, { code: 'BadResponse', cause: error });
  }
}

async function* bodyLines({ body }: Dispatcher.ResponseData): AsyncGenerator<string> {
  try {
    yield* readLines(body);
  } catch (error) {
    if (error instanceof UnavailableError) throw error;
    throw connectionLost(error);
  }
}

async function readText({ body }: Dispatcher.ResponseData): Promise<string> {
  try {
    return await body.text();
  } catch (error) {
    throw connectionLost(error);
  }
}

function connectionLost(error: unknown): UnavailableError {
  const message = `connection lost: ${errorMessage(error)}`;
  return new UnavailableError(message, { code: 'ConnectionLost', cause: error });
}
