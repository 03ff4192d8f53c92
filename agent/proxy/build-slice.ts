// EndpointSlice -> what the proxy keeps of it, and the endpoints of one service port out of all slices of its Service.
import type { EndpointSlice } from '../api/objects.ts';
import { isOfFamily } from './build-service-ports.ts';
import { type Endpoint, endpointText, type Family, type Protocol, type ServicePort } from './service-port.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** One slice, kept as it came: endpoints once, however many ports it has. */
export interface Slice {
  readonly family: Family;
  readonly ports: readonly { readonly name: string; readonly protocol: Protocol; readonly port: number }[];
  readonly endpoints: readonly Omit<Endpoint, 'port'>[];
}

/** undefined for a slice without addresses that packets could go to (FQDN). */
export function buildSlice({ addressType, ports, endpoints }: EndpointSlice): Slice | undefined {
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return undefined;
  const family = addressType === 'IPv4' ? 4 : 6;
  return {
    family,
    ports: (ports ?? []).flatMap(({ name = '', protocol = 'TCP', port }) =>
      port ? [{ name: name ?? '', protocol: protocol?.toLowerCase() as Protocol, port }] : [],
    ),
    endpoints: (endpoints ?? []).flatMap(({ addresses, conditions, nodeName, hints }) => {
      const address = addresses[0]; // the others mean the same endpoint (discovery/v1)
      if (address === undefined || !isOfFamily(address, family)) return [];
      const isReady = conditions?.ready ?? true;
      return [
        {
          address,
          isReady,
          isServing: conditions?.serving ?? isReady,
          isTerminating: conditions?.terminating ?? false,
          nodeName: nodeName ?? undefined,
          zoneHints: hints?.forZones?.map(({ name }) => name),
          nodeHints: hints?.forNodes?.map(({ name }) => name),
        },
      ];
    }),
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
  for (const { ports, endpoints } of slices) {
    for (const { name, protocol: sliceProtocol, port } of ports) {
      if (name !== portName || sliceProtocol !== protocol) continue;
      for (const endpoint of endpoints) addEndpoint(found, { ...endpoint, port });
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
