// The names of the chains, the same as kube-proxy's: tools and people look for them, and whichever of the two starts
// after the other takes over the chains it finds.
import { hash } from 'node:crypto';
import { type Endpoint, endpointText, type ServicePort, servicePortName } from './service-port.ts';

const HASH_CHARACTERS = 16;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'; // RFC 4648

/** Chains made for a Service begin with one of these. */
export const SERVICE_CHAIN_PREFIXES = [
  'KUBE-SVC-',
  'KUBE-SVL-',
  'KUBE-EXT-',
  'KUBE-FW-',
  'KUBE-SEP-',
] as const;

export interface PortChains {
  /** Endpoints for the traffic policy Cluster. */
  readonly cluster: string;
  /** Endpoints for the traffic policy Local. */
  readonly local: string;
  /** Where node ports, external IPs and load balancer addresses lead. */
  readonly external: string;
  /** Source ranges of load balancer addresses. */
  readonly firewall: string;
}

export function portChains(port: ServicePort): PortChains {
  const suffix = hashText(servicePortName(port) + port.protocol);
  return {
    cluster: `KUBE-SVC-${suffix}`,
    local: `KUBE-SVL-${suffix}`,
    external: `KUBE-EXT-${suffix}`,
    firewall: `KUBE-FW-${suffix}`,
  };
}

export function endpointChain(port: ServicePort, endpoint: Endpoint): string {
  return `KUBE-SEP-${hashText(servicePortName(port) + port.protocol + endpointText(endpoint))}`;
}

/** The first characters of the SHA-256 in base 32. */
function hashText(text: string): string {
  const bytes = hash('sha256', text, 'buffer');
  let result = '';
  for (let bit = 0; result.length < HASH_CHARACTERS; bit += 5) {
    const pair = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    result += BASE32[(pair >> (11 - (bit & 7))) & 31] ?? '';
  }
  return result;
}
