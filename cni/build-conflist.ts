// The CNI network of a node whose cluster brings none: bridge + host-local + portmap, and bandwidth where it is installed
// (CNI spec 1.0.0).

export interface ConflistInputs {
  /** The Node's podCIDRs, one per family. */
  readonly podCIDRs: readonly string[];
  readonly bridgeName: string;
  /** 0: the plugin's own choice. */
  readonly mtu: number;
  /** The plugin that obeys `kubernetes.io/ingress-bandwidth` and `egress-bandwidth` is installed. */
  readonly hasBandwidth?: boolean;
}

/** First of ours in the directory; whatever another network plugin writes replaces us altogether (see network.ts). */
export const CONFLIST_NAME = '10-nodelet.conflist';

// The version without the STATUS verb: from 1.1.0 on containerd runs every plugin on each Status call.
const CNI_VERSION = '1.0.0';

// Never to change: runtimes and host-local keep their state of running pods under this name.
export const NETWORK_NAME = 'nodelet';

// On a tmpfs the reservations vanish with the sandboxes at a reboot; host-local's default leaks them.
export const IPAM_STATE_DIR = '/run/nodelet/cni-ipam';

/** The file's content; the same input gives the same bytes. */
export function buildConflist({ podCIDRs, bridgeName, mtu, hasBandwidth }: ConflistInputs): string {
  const bridge = {
    type: 'bridge',
    bridge: bridgeName,
    isGateway: true,
    // A podCIDR changes only when the Node was made anew: the old gateway address must not block every new pod.
    forceAddress: true,
    // A pod that reaches itself through its Service leaves and enters by the same bridge port.
    hairpinMode: true,
    // One rule set for the node instead of a chain per pod (see ../agent/node/masquerade.ts).
    ipMasq: false,
    ...(mtu > 0 && { mtu }),
    ipam: {
      type: 'host-local',
      dataDir: IPAM_STATE_DIR,
      // One address out of each range set: two sets are dual stack.
      ranges: podCIDRs.map(subnet => [{ subnet }]),
      routes: podCIDRs.map(cidr => ({ dst: cidr.includes(':') ? '::/0' : '0.0.0.0/0' })),
    },
  };
  const portmap = { type: 'portmap', capabilities: { portMappings: true }, snat: true };
  // The runtime hands it the annotations of pods that have them; for others it only passes on what it gets.
  const bandwidth = { type: 'bandwidth', capabilities: { bandwidth: true } };
  const plugins = [bridge, portmap, ...(hasBandwidth ? [bandwidth] : [])];
  const conflist = { cniVersion: CNI_VERSION, name: NETWORK_NAME, plugins };
  return `${JSON.stringify(conflist, undefined, 2)}\n`;
}
