// The node's API: HTTPS for those who may, health for the host itself, and a read-only port where that is asked for.

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { ServerConfig } from '../config/config.ts';
import { runListener } from '../lib/listener.ts';
import type { Logger } from '../lib/logger.ts';
import { TaskGroup } from '../lib/task-group.ts';
import type { AuthorityFile } from './authority-file.ts';
import { Dispatcher, type Guards } from './dispatcher.ts';
import { healthRoutes, PING } from './healthz.ts';
import { type Route, Router } from './router.ts';
import type { ServingCertificate } from './serving-certificate.ts';
import { createTlsServer, type TlsServer } from './tls-server.ts';
import { readTlsSettings, type TlsSettings } from './tls-settings.ts';

// Go's clients keep idle connections for 90 s: closing later than they do spares them the race.
const KEEP_ALIVE_MS = 95_000;
// The arguments of an exec travel in its URL.
const HEADERS_MAX_BYTES = 1024 * 1024;
const HEADERS_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 60_000; // no request has a body worth mentioning
const KEEP_ALIVE_PROBE_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const HTTP2_LIMITS = { idleTimeoutMs: KEEP_ALIVE_MS, requestTimeoutMs: REQUEST_TIMEOUT_MS };

export interface NodeServerDeps {
  readonly config: ServerConfig;
  readonly routes: readonly Route[];
  readonly guards: Guards;
  readonly certificate: ServingCertificate;
  readonly authority: AuthorityFile | undefined;
  readonly logger: Logger;
}

export class NodeServer {
  readonly #deps: NodeServerDeps;
  readonly #tls: TlsSettings;

  /** Throws InvalidError when the TLS settings make no sense. */
  constructor(deps: NodeServerDeps) {
    this.#deps = deps;
    this.#tls = readTlsSettings(deps.config);
  }

  /** Serves until the signal aborts. */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { config } = this.#deps;
    const tasks = new TaskGroup({ signal });
    tasks.run(inner => this.#runMain(inner));
    if (config.readOnlyPort > 0) tasks.run(inner => this.#runReadOnly(inner));
    if (config.healthzPort > 0) tasks.run(inner => this.#runHealth(inner));
    await tasks.join();
  }

  async #runMain(signal: AbortSignal): Promise<void> {
    const { config, routes, guards, certificate, authority, logger } = this.#deps;
    const router = new Router(routes);
    const dispatcher = new Dispatcher({ router, guards, logger }, { signal });
    const server = this.#createTlsServer(router, dispatcher);
    const renew = (): void => server.setSecureContext(this.#secureContext());
    const tasks = new TaskGroup({ signal });
    tasks.run(inner => certificate.run(renew, { signal: inner }));
    if (authority) tasks.run(inner => authority.run(renew, { signal: inner }));
    const { address, port } = config;
    tasks.run(inner =>
      runListener(server, { address, port }, { what: 'the node API', logger, signal: inner }),
    );
    await tasks.join();
  }

  #createTlsServer(router: Router, dispatcher: Dispatcher): TlsServer {
    const options = {
      ...httpOptions(router),
      ...this.#secureContext(),
      // Asked for and looked at per request: a certificate that is missing or foreign must not break the handshake.
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    };
    return createTlsServer(options, HTTP2_LIMITS, dispatcher);
  }

  #secureContext(): object {
    const ca = this.#deps.authority?.current();
    return { ...this.#tls, ...this.#deps.certificate.current(), ...(ca !== undefined && { ca }) };
  }

  async #runReadOnly(signal: AbortSignal): Promise<void> {
    const { config, routes, logger } = this.#deps;
    const server = createPlainServer(routes, logger, signal);
    const { address, readOnlyPort: port } = config;
    await runListener(server, { address, port }, { what: 'the read-only port', logger, signal });
  }

  async #runHealth(signal: AbortSignal): Promise<void> {
    const { config, logger } = this.#deps;
    // The ping check alone: whoever restarts us for the state of a pod makes it worse.
    const server = createPlainServer(healthRoutes([PING]), logger, signal);
    const { healthzAddress: address, healthzPort: port } = config;
    await runListener(server, { address, port }, { what: 'healthz', logger, signal });
  }
}

function createPlainServer(routes: readonly Route[], logger: Logger, signal: AbortSignal): Server {
  const router = new Router(routes);
  const dispatcher = new Dispatcher({ router, guards: undefined, logger }, { signal });
  return createServer(httpOptions(undefined), listenerOf(dispatcher));
}

function httpOptions(router: Router | undefined) {
  return {
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADERS_MAX_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    noDelay: true,
    keepAlive: true, // a client that vanished without a word is noticed, and its session ends
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    // Everywhere else `Connection: Upgrade` is an offer (h2c) that is not taken up.
    shouldUpgradeCallback: ({ url = '' }: IncomingMessage) => router?.canUpgrade(url) ?? false,
  };
}

function listenerOf(dispatcher: Dispatcher): RequestListener {
  return (request, response) => void dispatcher.dispatch(request, response);
}
