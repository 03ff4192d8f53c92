// Which UDP flows go where nobody answers. A UDP flow is tracked as long as its client keeps sending, so it stays with a
// dead endpoint for ever; TCP ends by itself.
import type { Flow } from '../host/conntrack.ts';
import { endpointText, type PortState } from './service-port.ts';

/** `ownAddresses`: a packet to any other address is not for a node port, whatever its port number. */
export function planStaleFlows(
  states: Iterable<PortState>,
  flows: Iterable<Flow>,
  ownAddresses: ReadonlySet<string>,
): readonly Flow[] {
  const { byAddress, byNodePort } = servingEndpoints(states);
  return [...flows].filter(({ original, reply }) => {
    const address = original.destination;
    const port = original.destinationPort;
    const serving =
      byAddress.get(endpointText({ address, port })) ??
      (ownAddresses.has(address) ? byNodePort.get(port) : undefined);
    return (
      serving !== undefined && !serving.has(endpointText({ address: reply.source, port: reply.sourcePort }))
    );
  });
}

interface ServingEndpoints {
  readonly byAddress: ReadonlyMap<string, ReadonlySet<string>>;
  readonly byNodePort: ReadonlyMap<number, ReadonlySet<string>>;
}

// Traffic policy and topology do not matter: a flow that was good when it began may go on. Without any serving endpoint
// there is nowhere better to send it.
function servingEndpoints(states: Iterable<PortState>): ServingEndpoints {
  const byAddress = new Map<string, ReadonlySet<string>>();
  const byNodePort = new Map<number, ReadonlySet<string>>();
  for (const { port, endpoints } of states) {
    const serving = new Set(endpoints.filter(({ isServing }) => isServing).map(endpointText));
    if (port.protocol !== 'udp' || serving.size === 0) continue;
    for (const address of [port.clusterIP, ...port.externalIPs, ...port.loadBalancerVIPs]) {
      byAddress.set(endpointText({ address, port: port.port }), serving);
    }
    if (port.nodePort !== 0) byNodePort.set(port.nodePort, serving);
  }
  return { byAddress, byNodePort };
}
