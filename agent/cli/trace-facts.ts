// What `nodelet service trace` looks at: API server, kernel and the endpoints themselves. It only reads.
import { connect } from 'node:net';
import type { ApiClient } from '../api/client.ts';
import type { EndpointSlice, Node, Pod, Service } from '../api/objects.ts';
import { endpointSlicesPath, nodePath, podsPath, servicePath } from '../api/paths.ts';
import type { Config } from '../config/config.ts';
import type { ProbeResult, ServiceFacts } from '../explain/service-trace.ts';
import { IPPROTO_TCP, IPPROTO_UDP, listFlows } from '../host/conntrack.ts';
import { saveRules } from '../host/iptables.ts';
import { listAddresses } from '../host/links.ts';
import { NotFoundError } from '../lib/errors.ts';
import { buildRuleContext } from '../proxy/build-rule-context.ts';
import { buildServicePorts } from '../proxy/build-service-ports.ts';
import { buildEndpoints, buildSlice, SERVICE_NAME_LABEL } from '../proxy/build-slice.ts';
import { endpointText, type Family, type PortState } from '../proxy/service-port.ts';
import { connectApi } from './connect-api.ts';

const TIMEOUT_MS = 5_000;
const PROBE_TIMEOUT_MS = 1_000;
const PROBES_MAX = 50;

export interface TracedService {
  readonly namespace: string;
  readonly name: string;
  /** Name or number; undefined: all of them. */
  readonly wantedPort: string | undefined;
}

export async function gatherTraceFacts(
  config: Config,
  { namespace, name, wantedPort }: TracedService,
  family: Family,
): Promise<ServiceFacts> {
  const api = await connectApi(config, 'service trace', { signal: AbortSignal.timeout(TIMEOUT_MS) });
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
