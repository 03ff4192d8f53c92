// One HTTP server per Service with a healthCheckNodePort: tells a load balancer whether this node has endpoints of it.
import { createServer, type Server } from 'node:http';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { PortState, ServicePort } from './service-port.ts';

const RETRY_MS = 30_000;

interface HealthServer {
  readonly port: number;
  readonly server: Server;
  localEndpoints: number;
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
  readonly #failedAtMs = new Map<string, number>();

  constructor(deps: HealthServersDeps) {
    this.#deps = deps;
  }

  /** Brings the server of one Service, `namespace/name`, to what its ports say now. */
  update(key: string, states: readonly PortState[]): void {
    const wanted = states.find(({ port }) => port.healthCheckNodePort !== 0)?.port;
    const known = this.#servers.get(key);
    if (known && known.port !== wanted?.healthCheckNodePort) this.#close(key, known);
    if (!wanted) return;
    const addresses = states.flatMap(({ endpoints }) =>
      endpoints.filter(({ nodeName, isReady }) => isReady && nodeName === this.#deps.nodeName),
    );
    const localEndpoints = new Set(addresses.map(({ address }) => address)).size;
    const running = this.#servers.get(key) ?? this.#open(key, wanted);
    if (running) running.localEndpoints = localEndpoints;
  }

  close(): void {
    for (const [key, server] of this.#servers) this.#close(key, server);
  }

  #open(key: string, port: ServicePort): HealthServer | undefined {
    const failedAtMs = this.#failedAtMs.get(key);
    if (failedAtMs !== undefined && performance.now() - failedAtMs < RETRY_MS) return undefined;
    const server = createServer((_, response) => {
      const { localEndpoints } = running;
      const isHealthy = this.#deps.isHealthy();
      response.writeHead(localEndpoints > 0 && isHealthy ? 200 : 503, {
        'Content-Type': 'application/json',
        'X-Content-Type-Options': 'nosniff',
        'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
      });
      const service = { namespace: port.namespace, name: port.service };
      response.end(JSON.stringify({ service, localEndpoints, serviceProxyHealthy: isHealthy }));
    });
    const running: HealthServer = { port: port.healthCheckNodePort, server, localEndpoints: 0 };
    this.#servers.set(key, running);
    server.on('error', error => this.#failed(key, port, error));
    server.listen(port.healthCheckNodePort);
    return running;
  }

  #failed(key: string, port: ServicePort, error: Error): void {
    this.#servers.delete(key);
    this.#failedAtMs.set(key, performance.now());
    const message = `node ${this.#deps.nodeName} failed to start healthcheck "${key}" on port ${port.healthCheckNodePort}: ${errorMessage(error)}`;
    this.#deps.logger.warn(
      { service: key, reason: errorMessage(error) },
      'no health check server for a Service',
    );
    this.#deps.onFailure(port, message);
  }

  #close(key: string, { server }: HealthServer): void {
    this.#servers.delete(key);
    server.close();
    server.closeAllConnections();
  }
}
