// EndpointSlice -> what the proxy keeps of it, and the endpoints of one service port out of all slices of its Service.
import type { EndpointSlice } from '../api/objects.ts';
import { compactList } from '../lib/compact.ts';
import { isOfFamily, PROTOCOLS } from './build-service-ports.ts';
import { type Endpoint, endpointText, type Family, type Protocol, type ServicePort } from './service-port.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

type ApiEndpoint = NonNullable<EndpointSlice['endpoints']>[number];

/** One slice, with its endpoints once for each port: most have one, and rules are made of these very objects. */
export interface Slice {
  readonly family: Family;
  readonly ports: readonly SlicePort[];
}

interface SlicePort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly endpoints: readonly Endpoint[];
}

/** undefined for a slice without addresses that packets could go to (FQDN). */
export function buildSlice({ addressType, ports, endpoints }: EndpointSlice): Slice | undefined {
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return undefined;
  const family = addressType === 'IPv4' ? 4 : 6;
  const built = (ports ?? []).flatMap(({ name, protocol, port }) => {
    const known = PROTOCOLS[protocol ?? 'TCP'];
    if (!port || !known) return [];
    const all = (endpoints ?? []).flatMap(endpoint => buildEndpoint(endpoint, family, port) ?? []);
    return [{ name: name ?? '', protocol: known, endpoints: compactList(all) }];
  });
  return { family, ports: compactList(built) };
}

/** Over all ports, an endpoint counts once for each. */
export function countEndpoints({ ports }: Slice): number {
  return ports.reduce((sum, { endpoints }) => sum + endpoints.length, 0);
}

function buildEndpoint(
  { addresses, conditions, nodeName, hints }: ApiEndpoint,
  family: Family,
  port: number,
): Endpoint | undefined {
  const address = addresses[0]; // the others mean the same endpoint (discovery/v1)
  if (address === undefined || !isOfFamily(address, family)) return undefined;
  const isReady = conditions?.ready ?? true;
  return {
    address,
    port,
    isReady,
    isServing: conditions?.serving ?? isReady,
    isTerminating: conditions?.terminating ?? false,
    nodeName: nodeName ?? undefined,
    zoneHints: hints?.forZones?.map(({ name }) => name),
    nodeHints: hints?.forNodes?.map(({ name }) => name),
  };
}

/**
 * Ports are matched by name. An endpoint that is in two slices at once, as while the controller moves it, counts once, and
 * the copy that knows a node wins.
 */
export function buildEndpoints(
  { portName, protocol }: Pick<ServicePort, 'portName' | 'protocol'>,
  slices: Iterable<Slice>,
): readonly Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const { ports } of slices) {
    for (const { name, protocol: sliceProtocol, endpoints } of ports) {
      if (name !== portName || sliceProtocol !== protocol) continue;
      for (const endpoint of endpoints) addEndpoint(found, endpoint);
    }
  }
  return [...found.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}

function addEndpoint(found: Map<string, Endpoint>, endpoint: Endpoint): void {
  const key = endpointText(endpoint);
  const known = found.get(key);
  if (known === undefined || (known.nodeName === undefined && endpoint.nodeName !== undefined)) {
    found.set(key, endpoint);
  }
}
