import { connect } from 'node:net';
import { Command } from 'commander';
import { ApiClient } from '../api/client.ts';
import type { EndpointSlice, Node, Pod, Service } from '../api/objects.ts';
import { endpointSlicesPath, nodePath, podsPath, servicePath } from '../api/paths.ts';
import type { Config } from '../config/config.ts';
import { NODELET_VERSION } from '../config/version.ts';
import type {
  PortTrace,
  ProbeResult,
  ServiceFacts,
  ServiceTrace,
  TraceFinding,
} from '../explain/service-trace.ts';
import { traceService } from '../explain/service-trace.ts';
import { IPPROTO_TCP, IPPROTO_UDP, listFlows } from '../host/conntrack.ts';
import { saveRules } from '../host/iptables.ts';
import { listAddresses } from '../host/links.ts';
import { errorMessage, NotFoundError } from '../lib/errors.ts';
import { createSilentLogger } from '../lib/logger.ts';
import { buildRuleContext } from '../proxy/build-rule-context.ts';
import { buildServicePorts } from '../proxy/build-service-ports.ts';
import { buildEndpoints, buildSlice, SERVICE_NAME_LABEL } from '../proxy/build-slice.ts';
import { endpointText, type Family, type PortState } from '../proxy/service-port.ts';
import { addConfigFlags, loadCommandConfig } from './config-flags.ts';
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_OK } from './exit-codes.ts';
import { complain, type Output } from './output.ts';

const TIMEOUT_MS = 5_000;
const PROBE_TIMEOUT_MS = 1_000;
const PROBES_MAX = 50;

export function serviceCommand(output: Output, exit: (code: number) => void): Command {
  const trace = new Command('trace')
    .argument('<service>', 'NAMESPACE/NAME or NAMESPACE/NAME:PORT')
    .option('--ipv6', 'the IPv6 side of the Service')
    .description('the way of a packet to a Service on this node, and what is wrong with it')
    .addHelpText(
      'after',
      '\nIt changes nothing, and works while nodelet does not run. Exit code 1: a cause was found.',
    );
  addConfigFlags(trace).action(async (name: string, options: { readonly ipv6?: true }) => {
    const loaded = await loadCommandConfig(trace, output);
    if (loaded === undefined) return exit(EXIT_CONFIG);
    try {
      const facts = await gatherFacts(loaded.config, name, options.ipv6 ? 6 : 4);
      const result = traceService(facts);
      output.out(formatTrace(facts, result));
      const findings = [...result.findings, ...result.ports.flatMap(port => port.findings)];
      exit(findings.some(({ kind }) => kind === 'cause') ? EXIT_FAILURE : EXIT_OK);
    } catch (error) {
      complain(output, errorMessage(error));
      exit(EXIT_FAILURE);
    }
  });
  return new Command('service').addCommand(trace);
}

// ---- Facts

async function gatherFacts(config: Config, text: string, family: Family): Promise<ServiceFacts> {
  const [, namespace = '', name = '', wantedPort] = /^([^/:]+)\/([^/:]+)(?::(.+))?$/.exec(text) ?? [];
  if (name === '') throw new Error(`expected NAMESPACE/NAME or NAMESPACE/NAME:PORT, got ${text}`);
  const api = await ApiClient.connect({
    kubeconfigPath: config.api.kubeconfigPath ?? '',
    logger: createSilentLogger(),
    userAgent: `nodelet/${NODELET_VERSION}`,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  try {
    const objects = await readObjects(api, config.node.name, namespace, name);
    return {
      key: `${namespace}/${name}`,
      wantedPort,
      ...objects,
      ...(await readKernel(config, family, objects)),
    };
  } finally {
    await api.close();
  }
}

interface ServiceObjects {
  readonly service: Service | undefined;
  readonly slices: readonly EndpointSlice[];
  readonly nearPods: readonly Pod[];
  readonly node: Node;
}

async function readObjects(
  api: ApiClient,
  nodeName: string,
  namespace: string,
  name: string,
): Promise<ServiceObjects> {
  const options = { signal: AbortSignal.timeout(TIMEOUT_MS) };
  const slicesQuery = { labelSelector: `${SERVICE_NAME_LABEL}=${name}` };
  // A node may list the pods that are bound to it, and no others.
  const podsQuery = { fieldSelector: `spec.nodeName=${nodeName}` };
  const [service, slices, pods, node] = await Promise.all([
    api.get<Service>(servicePath(namespace, name), options).catch((error: unknown) => {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }),
    api.get<{ items: EndpointSlice[] }>(endpointSlicesPath, { ...options, query: slicesQuery }),
    api.get<{ items: Pod[] }>(podsPath, { ...options, query: podsQuery }),
    api.get<Node>(nodePath(nodeName), options),
  ]);
  const isHere = ({ metadata }: EndpointSlice | Pod): boolean => metadata.namespace === namespace;
  return { service, slices: slices.items.filter(isHere), nearPods: pods.items.filter(isHere), node };
}

async function readKernel(config: Config, family: Family, { service, slices, node }: ServiceObjects) {
  const { signal } = new AbortController();
  const known = slices.flatMap(slice => buildSlice(slice) ?? []).filter(slice => slice.family === family);
  const states = (service ? buildServicePorts(service, family) : []).map(port => ({
    port,
    endpoints: buildEndpoints(port, known),
  }));
  const [nat, filter, udp, tcp, links, probes] = await Promise.all([
    saveRules(family, { table: 'nat', signal }),
    saveRules(family, { table: 'filter', signal }),
    listFlows(family, IPPROTO_UDP),
    listFlows(family, IPPROTO_TCP),
    listAddresses(),
    probeEndpoints(states),
  ]);
  const ownAddresses = new Set(links.map(({ address }) => address));
  const host = { addresses: [...ownAddresses], isConntrackLiberal: false };
  const context = { ...buildRuleContext(family, config.proxy, node, host), hasEndpointComments: true };
  const rules = `${nat}\n${filter}`.split('\n').filter(line => line.startsWith('-A '));
  const addresses = new Set(
    states.flatMap(({ port }) => [port.clusterIP, ...port.externalIPs, ...port.loadBalancerVIPs]),
  );
  const nodePorts = new Set(states.map(({ port }) => port.nodePort));
  const flows = [...udp, ...tcp].filter(
    ({ original }) => addresses.has(original.destination) || nodePorts.has(original.destinationPort),
  );
  return { states, context, rules, flows, ownAddresses, probes };
}

/** Only TCP can be asked without knowing what is spoken. */
async function probeEndpoints(states: readonly PortState[]): Promise<ReadonlyMap<string, ProbeResult>> {
  const endpoints = states
    .filter(({ port }) => port.protocol === 'tcp')
    .flatMap(state => state.endpoints)
    .slice(0, PROBES_MAX);
  return new Map(
    await Promise.all(
      endpoints.map(
        async endpoint => [endpointText(endpoint), await probe(endpoint.address, endpoint.port)] as const,
      ),
    ),
  );
}

function probe(host: string, port: number): Promise<ProbeResult> {
  return new Promise(done => {
    const socket = connect({ host, port, timeout: PROBE_TIMEOUT_MS });
    const finish = (result: ProbeResult): void => {
      socket.destroy();
      done(result);
    };
    socket.once('connect', () => finish('answers'));
    socket.once('timeout', () => finish('silent'));
    socket.once('error', error =>
      finish('code' in error && error.code === 'ECONNREFUSED' ? 'refuses' : 'silent'),
    );
  });
}

// ---- Words

function formatTrace(facts: ServiceFacts, { findings, ports }: ServiceTrace): string {
  const head = `Service ${facts.key} as node ${facts.context.nodeName} sees it\n`;
  return [head, ...findings.map(formatFinding), ...ports.map(port => formatPort(port, facts))].join('');
}

function formatPort({ name, state, rules, findings }: PortTrace, { probes, flows }: ServiceFacts): string {
  const { port, endpoints } = state;
  const nodePort = port.nodePort === 0 ? '' : `, node port ${port.nodePort}`;
  const backends = endpoints.map(endpoint => {
    const flags = [
      endpoint.isReady ? 'ready' : endpoint.isServing ? 'serving' : 'not ready',
      ...(endpoint.isTerminating ? ['terminating'] : []),
      endpoint.nodeName ?? 'no node',
      probes.get(endpointText(endpoint)) ?? 'not asked',
    ];
    const count = flows.filter(
      ({ reply }) => reply.source === endpoint.address && reply.sourcePort === endpoint.port,
    );
    return `  backend  ${endpointText(endpoint)}  ${flags.join(', ')}, ${count.length} connections\n`;
  });
  return [
    `\n${name}  ${port.protocol} ${port.clusterIP}:${port.port}${nodePort}\n`,
    ...(backends.length === 0 ? ['  backend  none\n'] : backends),
    ...rules.map(rule => `  rule     ${rule}\n`),
    ...(findings.length === 0
      ? ['  it works: packets find a way to every endpoint\n']
      : findings.map(formatFinding)),
  ].join('');
}

function formatFinding({ kind, text, advice }: TraceFinding): string {
  return `  ${kind === 'cause' ? 'CAUSE ' : 'notice'}   ${text}\n           try: ${advice}\n`;
}
