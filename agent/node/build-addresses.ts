// Which addresses the Node tells others (kubelet: nodestatus.NodeAddress).
import ipaddr from 'ipaddr.js';
import type { NodeAddress } from '../api/objects.ts';

export interface AddressInputs {
  readonly nodeName: string;
  /** Configured addresses; `0.0.0.0` or `::` only picks the family. */
  readonly configuredIPs: readonly string[];
  readonly isExternalCloud: boolean;
  /** What the Node object lists now; an external cloud provider owns a list that is not empty. */
  readonly present: readonly NodeAddress[];
  /** Every address of the host's interfaces. */
  readonly localIPs: readonly string[];
  /** What the node's name resolves to. */
  readonly resolvedIPs: readonly string[];
  /** Addresses of the interfaces that carry a default route, best first. */
  readonly defaultRouteIPs: readonly string[];
}

export type AddressResult =
  | { readonly kind: 'addresses'; readonly addresses: readonly NodeAddress[] }
  | { readonly kind: 'problem'; readonly problem: string };

export function buildAddresses(inputs: AddressInputs): AddressResult {
  const { nodeName, configuredIPs, isExternalCloud, present } = inputs;
  const specified = configuredIPs.filter(ip => !isUnspecified(ip));
  for (const ip of specified) {
    const problem = findNodeIPProblem(ip, inputs.localIPs);
    if (problem) return { kind: 'problem', problem: `failed to validate nodeIP: ${problem}` };
  }
  const hostname: NodeAddress = { type: 'Hostname', address: nodeName };
  if (isExternalCloud && present.length > 0) return { kind: 'addresses', addresses: present };
  if (isExternalCloud && configuredIPs.length === 0) return { kind: 'addresses', addresses: [hostname] };
  const internalIPs = specified.length > 0 ? specified : findInternalIP(inputs);
  if (internalIPs.length === 0) {
    return {
      kind: 'problem',
      problem: `can't get ip address of node ${nodeName}. error: no default routes found`,
    };
  }
  const internal = internalIPs.map(address => ({ type: 'InternalIP', address }));
  return { kind: 'addresses', addresses: [...internal, hostname] };
}

/** 4 or 6; undefined for what is no address. */
export function ipFamily(ip: string): 4 | 6 | undefined {
  if (!ipaddr.isValid(ip)) return undefined;
  return ipaddr.parse(ip).kind() === 'ipv4' ? 4 : 6;
}

// The kubelet's order: the name is an address, the name resolves to one of ours, the default route's interface.
function findInternalIP(inputs: AddressInputs): readonly string[] {
  const { nodeName, configuredIPs, resolvedIPs, defaultRouteIPs, localIPs } = inputs;
  if (ipFamily(nodeName) !== undefined) return [nodeName];
  const preferred = configuredIPs[0] === '::' ? 6 : 4;
  const resolved = resolvedIPs.filter(ip => findNodeIPProblem(ip, localIPs) === undefined);
  const usable = defaultRouteIPs.filter(ip => findNodeIPProblem(ip, localIPs) === undefined);
  for (const candidates of [resolved, usable]) {
    const ip = candidates.find(candidate => ipFamily(candidate) === preferred) ?? candidates[0];
    if (ip !== undefined) return [ip];
  }
  return [];
}

function findNodeIPProblem(ip: string, localIPs: readonly string[]): string | undefined {
  if (!ipaddr.isValid(ip)) return `nodeIP must be a valid IP address: ${ip}`;
  const range = ipaddr.parse(ip).range();
  if (range === 'loopback') return "nodeIP can't be loopback address";
  if (range === 'multicast') return "nodeIP can't be a multicast address";
  if (range === 'linkLocal') return "nodeIP can't be a link-local unicast address";
  if (range === 'unspecified') return "nodeIP can't be an all zeros address";
  const wanted = ipaddr.parse(ip).toString();
  const isLocal = localIPs.some(local => ipaddr.isValid(local) && ipaddr.parse(local).toString() === wanted);
  return isLocal ? undefined : `node IP: "${ip}" not found in the host's network interfaces`;
}

function isUnspecified(ip: string): boolean {
  return ip === '0.0.0.0' || ip === '::';
}
