// The node's own packet rules for its pods, as chains of iptables-restore; see cni/README.md for the packet path.

export interface MasqueradeInputs {
  /** This node's podCIDR of one family. */
  readonly ownPodCIDR: string;
  /** The podCIDRs of all nodes, same family. */
  readonly clusterPodCIDRs: readonly string[];
}

export interface OwnChain {
  readonly table: 'nat' | 'filter';
  readonly chain: string;
  /** The built-in chain that ends with a jump to ours. */
  readonly hook: 'POSTROUTING' | 'FORWARD';
  readonly jumpComment: string;
  /** Rules as iptables-save prints them, without `-A CHAIN`. */
  readonly rules: readonly string[];
}

export const MASQUERADE_CHAIN = 'NODELET-MASQ';
const FORWARD_CHAIN = 'NODELET-FORWARD';

/** Pods leave the cluster with the node's address; between pods every address stays what it is. */
export function buildMasqueradeChain({ ownPodCIDR, clusterPodCIDRs }: MasqueradeInputs): OwnChain {
  const multicast = ownPodCIDR.includes(':') ? 'ff00::/8' : '224.0.0.0/4';
  const keptDestinations = [...new Set([ownPodCIDR, ...clusterPodCIDRs])].toSorted();
  return {
    table: 'nat',
    chain: MASQUERADE_CHAIN,
    hook: 'POSTROUTING',
    jumpComment: 'nodelet: pods leave the cluster with the address of the node',
    rules: [
      `! -s ${ownPodCIDR} -j RETURN`,
      ...[...keptDestinations, multicast].map(destination => `-d ${destination} -j RETURN`),
      '-j MASQUERADE --random-fully',
    ],
  };
}

/** For hosts whose FORWARD policy is DROP (Docker sets it). Last in the chain, so that policies decide first. */
export function buildForwardChain({ ownPodCIDR }: Pick<MasqueradeInputs, 'ownPodCIDR'>): OwnChain {
  return {
    table: 'filter',
    chain: FORWARD_CHAIN,
    hook: 'FORWARD',
    jumpComment: 'nodelet: pod traffic',
    rules: [`-s ${ownPodCIDR} -j ACCEPT`, `-d ${ownPodCIDR} -j ACCEPT`],
  };
}
