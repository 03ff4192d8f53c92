// One HTTP server per Service with a healthCheckNodePort: tells a load balancer whether this node has endpoints of it.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { PortState, ServicePort } from './service-port.ts';

// Whoever has the port, a kube-proxy that is about to end for instance, does not tell us when it lets go.
const RETRY_MS = 30_000;

interface HealthServer {
  readonly port: ServicePort;
  localEndpoints: number;
  /** Undefined while the port is somebody else's. */
  server: Server | undefined;
  retry: NodeJS.Timeout | undefined;
  hasFailed: boolean;
}

export interface HealthServersDeps {
  readonly nodeName: string;
  readonly isHealthy: () => boolean;
  readonly onFailure: (service: Pick<ServicePort, 'namespace' | 'service'>, message: string) => void;
  readonly logger: Logger;
}

export class HealthServers {
  readonly #deps: HealthServersDeps;
  readonly #servers = new Map<string, HealthServer>();

  constructor(deps: HealthServersDeps) {
    this.#deps = deps;
  }

  /** Brings the server of one Service, `namespace/name`, to what its ports say now. */
  update(key: string, states: readonly PortState[]): void {
    const wanted = states.find(({ port }) => port.healthCheckNodePort !== 0)?.port;
    const known = this.#servers.get(key);
    if (known && known.port.healthCheckNodePort !== wanted?.healthCheckNodePort) this.#close(key, known);
    if (!wanted) return;
    const addresses = states.flatMap(({ endpoints }) =>
      endpoints.filter(({ nodeName, isReady }) => isReady && nodeName === this.#deps.nodeName),
    );
    const entry = this.#servers.get(key) ?? this.#open(key, wanted);
    entry.localEndpoints = new Set(addresses.map(({ address }) => address)).size;
  }

  close(): void {
    for (const [key, entry] of this.#servers) this.#close(key, entry);
  }

  #open(key: string, port: ServicePort): HealthServer {
    const entry = { port, localEndpoints: 0, server: undefined, retry: undefined, hasFailed: false };
    this.#servers.set(key, entry);
    this.#listen(key, entry);
    return entry;
  }

  #listen(key: string, entry: HealthServer): void {
    const server = createServer((_, response) => this.#answer(entry, response));
    entry.server = server;
    server.on('error', error => this.#failed(key, entry, error));
    server.listen(entry.port.healthCheckNodePort);
  }

  #answer({ port, localEndpoints }: HealthServer, response: ServerResponse): void {
    const isHealthy = this.#deps.isHealthy();
    response.writeHead(localEndpoints > 0 && isHealthy ? 200 : 503, {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
    });
    const service = { namespace: port.namespace, name: port.service };
    response.end(JSON.stringify({ service, localEndpoints, serviceProxyHealthy: isHealthy }));
  }

  #failed(key: string, entry: HealthServer, error: Error): void {
    if (this.#servers.get(key) !== entry) return; // closed meanwhile
    entry.server = undefined;
    entry.retry = setTimeout(() => this.#listen(key, entry), RETRY_MS).unref();
    if (entry.hasFailed) return;
    entry.hasFailed = true;
    const { port } = entry;
    const message = `node ${this.#deps.nodeName} failed to start healthcheck "${key}" on port ${port.healthCheckNodePort}: ${errorMessage(error)}`;
    this.#deps.logger.warn(
      { service: key, reason: errorMessage(error) },
      'no health check server for a Service, trying again',
    );
    this.#deps.onFailure(port, message);
  }

  #close(key: string, { server, retry }: HealthServer): void {
    this.#servers.delete(key);
    clearTimeout(retry);
    server?.close();
    server?.closeAllConnections();
  }
}
