// kube-proxy's two ports, for load balancers and scrapers that know them.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { Counter } from 'prom-client';
import type { BindAddress, ProxyConfig } from '../config/config.ts';
import { runListener } from '../lib/listener.ts';
import type { Logger } from '../lib/logger.ts';
import { metricsRegistry } from '../lib/metrics.ts';
import { TaskGroup } from '../lib/task-group.ts';
import type { ProxyHealth } from './build-proxy-health.ts';

const healthzTotal = new Counter({
  name: 'kubeproxy_proxy_healthz_total',
  help: 'Answers of /healthz on the port for load balancers',
  labelNames: ['code'],
  registers: [metricsRegistry],
});
const livezTotal = new Counter({
  name: 'kubeproxy_proxy_livez_total',
  help: 'Answers of /livez on the port for load balancers',
  labelNames: ['code'],
  registers: [metricsRegistry],
});

export interface ProxyServerDeps {
  readonly config: ProxyConfig;
  readonly health: () => ProxyHealth;
  readonly logger: Logger;
}

type Handler = (response: ServerResponse) => void | Promise<void>;

export async function runProxyServer(
  { config, health, logger }: ProxyServerDeps,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const tasks = new TaskGroup({ signal });
  const serve = (
    what: string,
    bind: BindAddress | undefined,
    handlers: Readonly<Record<string, Handler>>,
  ) => {
    if (!bind) return;
    const server = buildServer(handlers, logger);
    tasks.run(inner => runListener(server, bind, { what, logger, signal: inner }));
  };
  serve("the proxy's health port", config.healthzBindAddress, {
    '/healthz': response => answerHealthz(response, health()),
    '/livez': response => answerLivez(response, health()),
  });
  serve("the proxy's metrics port", config.metricsBindAddress, {
    '/healthz': response => answerText(response, 'ok'),
    '/proxyMode': response => answerText(response, 'iptables'),
    '/metrics': async response => {
      response.setHeader('Content-Type', metricsRegistry.contentType);
      response.end(await readMetrics());
    },
  });
  await tasks.join();
}

function buildServer(handlers: Readonly<Record<string, Handler>>, logger: Logger): Server {
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    const handler = Object.hasOwn(handlers, path) ? handlers[path] : undefined;
    if (!handler) response.writeHead(404).end('404 page not found\n');
    else await handler(response);
  };
  return createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    answer(path, response).catch((error: unknown) => {
      logger.warn({ err: error, path }, "a request to the proxy's ports failed");
      response.destroy();
    });
  });
}

function answerHealthz(response: ServerResponse, { isHealthy, isNodeEligible, body }: ProxyHealth): void {
  const code = isHealthy && isNodeEligible ? 200 : 503;
  healthzTotal.inc({ code });
  answerHealth(response, code, { ...body, nodeEligible: isNodeEligible });
}

function answerLivez(response: ServerResponse, { isHealthy, body }: ProxyHealth): void {
  const code = isHealthy ? 200 : 503;
  livezTotal.inc({ code });
  answerHealth(response, code, body);
}

function answerHealth(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' });
  response.end(JSON.stringify(body));
}

function answerText(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(text);
}

/** The others stand on the node API's port. */
async function readMetrics(): Promise<string> {
  const names = metricsRegistry.getMetricsAsArray().map(({ name }) => name);
  const ours = names.filter(name => name.startsWith('kubeproxy_') || name.startsWith('nodelet_proxy_'));
  return `${(await Promise.all(ours.map(name => metricsRegistry.getSingleMetricAsString(name)))).join('\n')}\n`;
}
