// What the rules depend on besides Services and endpoints, from the configuration, our Node and our addresses.
import type { Node } from '../api/objects.ts';
import type { ProxyConfig } from '../config/config.ts';
import { isOfFamily } from './build-service-ports.ts';
import { isInRange } from './ranges.ts';
import type { LocalSource, RuleContext } from './ruleset.ts';
import type { Family } from './service-port.ts';

const MASQUERADE_MARK = 1 << 14; // kube-proxy's default bit
const ZONE_LABEL = 'topology.kubernetes.io/zone';

export interface HostNetwork {
  /** All addresses of this host. */
  readonly addresses: readonly string[];
  /** net.netfilter.nf_conntrack_tcp_be_liberal */
  readonly isConntrackLiberal: boolean;
}

export function buildRuleContext(
  family: Family,
  config: ProxyConfig,
  node: Node,
  host: HostNetwork,
): Omit<RuleContext, 'hasEndpointComments'> {
  const nodeIPs = (node.status?.addresses ?? [])
    .filter(({ type, address }) => type === 'InternalIP' && isOfFamily(address, family))
    .map(({ address }) => address);
  return {
    family,
    nodeName: node.metadata.name,
    zone: node.metadata.labels?.[ZONE_LABEL],
    nodeIP: nodeIPs[0],
    masqueradeMark: MASQUERADE_MARK,
    masqueradeAll: config.masqueradeAll,
    localSource: buildLocalSource(family, config, node),
    nodePortAddresses: buildNodePortAddresses(family, config, nodeIPs, host),
    localhostNodePorts: family === 4 && config.localhostNodePorts,
    dropsInvalid: !host.isConntrackLiberal,
  };
}

/** The first range of the family, as with kube-proxy: packets from there are our pods'. */
function buildLocalSource(
  family: Family,
  { clusterCIDRs }: ProxyConfig,
  { spec }: Node,
): LocalSource | undefined {
  const own = spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : []);
  const range = (clusterCIDRs.length > 0 ? clusterCIDRs : own).find(cidr => isOfFamily(cidr, family));
  return range === undefined ? undefined : { is: `-s ${range}`, isNot: `! -s ${range}` };
}

function buildNodePortAddresses(
  family: Family,
  { nodePortAddresses, localhostNodePorts }: ProxyConfig,
  nodeIPs: readonly string[],
  { addresses }: HostNetwork,
): RuleContext['nodePortAddresses'] {
  if (nodePortAddresses.length === 0) return 'all';
  const ranges = nodePortAddresses.filter(range => range !== 'primary');
  const chosen = addresses.filter(
    address =>
      isOfFamily(address, family) &&
      ranges.some(range => isInRange(address, range)) &&
      // ::1 cannot be translated at all, 127.0.0.1 needs route_localnet.
      (isLoopback(address) ? family === 4 && localhostNodePorts : true),
  );
  const primary = nodePortAddresses.includes('primary') ? nodeIPs : [];
  return [...new Set([...primary, ...chosen])].toSorted();
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
