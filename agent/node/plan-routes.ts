// Routes to the other nodes' pods: each podCIDR through its node's InternalIP of the same family.
import ipaddr from 'ipaddr.js';
import type { Node } from '../api/objects.ts';

export interface PeerRoute {
  /** In canonical form, e.g. `10.244.1.0/24`. */
  readonly destination: string;
  readonly gateway: string;
}

/** A route of ours as the kernel has it. */
export interface ObservedRoute {
  readonly destination: string;
  readonly gateway: string | undefined;
}

export type RouteAction =
  | { readonly kind: 'ensure'; readonly route: PeerRoute }
  | { readonly kind: 'remove'; readonly route: ObservedRoute };

/**
 * `observed` are the routes with our own protocol number only, so nobody else's are ever touched. A destination that
 * moved to another gateway is one `ensure`, which replaces it without a gap.
 */
export function planRoutes(
  nodes: readonly Node[],
  ownNodeName: string,
  observed: readonly ObservedRoute[],
): readonly RouteAction[] {
  const desired = buildPeerRoutes(nodes, ownNodeName);
  const isObserved = (route: PeerRoute): boolean =>
    observed.some(
      ({ destination, gateway }) => destination === route.destination && gateway === route.gateway,
    );
  const stale = observed.filter(
    route => !desired.some(({ destination }) => destination === route.destination),
  );
  return [
    ...stale.map(route => ({ kind: 'remove', route }) as const),
    ...desired.filter(route => !isObserved(route)).map(route => ({ kind: 'ensure', route }) as const),
  ];
}

/** Every podCIDR of the cluster in canonical form, sorted; ours included. */
export function collectPodCIDRs(nodes: readonly Node[]): readonly string[] {
  return [...new Set(nodes.flatMap(podCIDRsOf))].toSorted();
}

/** `spec.podCIDRs` in canonical form. */
export function podCIDRsOf(node: Node | undefined): readonly string[] {
  const cidrs = node?.spec?.podCIDRs ?? (node?.spec?.podCIDR ? [node.spec.podCIDR] : []);
  return cidrs.flatMap(cidr => canonicalCIDR(cidr) ?? []);
}

/** The network address with its length; undefined for what is no CIDR. */
export function canonicalCIDR(cidr: string): string | undefined {
  if (!ipaddr.isValidCIDR(cidr)) return undefined;
  const [address, length] = ipaddr.parseCIDR(cidr);
  const network =
    address.kind() === 'ipv4'
      ? ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()
      : ipaddr.IPv6.networkAddressFromCIDR(cidr).toRFC5952String();
  return `${network}/${length}`;
}

export function cidrFamily(cidr: string): 4 | 6 {
  return cidr.includes(':') ? 6 : 4;
}

function buildPeerRoutes(nodes: readonly Node[], ownNodeName: string): readonly PeerRoute[] {
  return nodes
    .filter(({ metadata }) => metadata.name !== ownNodeName)
    .flatMap(node =>
      podCIDRsOf(node).flatMap(destination => {
        const gateway = internalIPOf(node, cidrFamily(destination));
        return gateway === undefined ? [] : [{ destination, gateway }];
      }),
    );
}

function internalIPOf(node: Node, family: 4 | 6): string | undefined {
  return (node.status?.addresses ?? []).find(
    ({ type, address }) =>
      type === 'InternalIP' && ipaddr.isValid(address) && (address.includes(':') ? 6 : 4) === family,
  )?.address;
}
