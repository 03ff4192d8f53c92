// The rules that are there whatever Services there are, and how packets get to our chains at all.
import { type ChainId, comment, markText, type RuleContext, type Ruleset, type Table } from './ruleset.ts';

export interface Jump {
  readonly table: Table;
  readonly from: 'INPUT' | 'OUTPUT' | 'FORWARD' | 'PREROUTING' | 'POSTROUTING';
  readonly to: string;
  readonly match: string;
}

const NEW = '-m conntrack --ctstate NEW';

function jump(table: Table, from: Jump['from'], to: string, text?: string, extra?: string): Jump {
  const parts = [extra, text === undefined ? undefined : comment(text)].filter(part => part !== undefined);
  return { table, from, to, match: parts.join(' ') };
}

/** In the order in which they are inserted, each at the head of its chain: what stands last here is asked first. */
export const JUMPS: readonly Jump[] = [
  jump('filter', 'INPUT', 'KUBE-EXTERNAL-SERVICES', 'kubernetes externally-visible service portals', NEW),
  jump('filter', 'FORWARD', 'KUBE-EXTERNAL-SERVICES', 'kubernetes externally-visible service portals', NEW),
  jump('filter', 'INPUT', 'KUBE-NODEPORTS', 'kubernetes health check service ports'),
  jump('filter', 'FORWARD', 'KUBE-SERVICES', 'kubernetes service portals', NEW),
  jump('filter', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals', NEW),
  jump('filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'),
  jump('filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', NEW),
  jump('filter', 'OUTPUT', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', NEW),
  jump('filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', NEW),
  jump('nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals'),
  jump('nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals'),
  jump('nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'),
  jump('filter', 'INPUT', 'KUBE-FIREWALL'),
  jump('filter', 'OUTPUT', 'KUBE-FIREWALL'),
];

/** Chains that service ports fill; they have to exist when none does. */
export const SHARED_CHAINS: readonly ChainId[] = [
  'filter KUBE-SERVICES',
  'filter KUBE-EXTERNAL-SERVICES',
  'filter KUBE-NODEPORTS',
  'filter KUBE-PROXY-FIREWALL',
  'nat KUBE-NODEPORTS',
  'nat KUBE-SERVICES', // after the chain it ends in
];

/** Chains whose rules come from the context alone. */
export function planBaseChains(context: RuleContext): Ruleset {
  const mark = markText(context.masqueradeMark);
  const marked = `-m mark --mark ${mark}/${mark}`;
  return new Map<ChainId, readonly string[]>([
    [
      'filter KUBE-FORWARD',
      [
        // A packet out of its window would otherwise be answered with a reset by the one who never asked (issue 74839).
        ...(context.dropsInvalid ? ['-m conntrack --ctstate INVALID -j DROP'] : []),
        `${comment('kubernetes forwarding rules')} ${marked} -j ACCEPT`,
        `${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      ],
    ],
    ['filter KUBE-FIREWALL', localnetRules(context)],
    ['nat KUBE-MARK-MASQ', [`-j MARK --or-mark ${mark}`]],
    [
      'nat KUBE-POSTROUTING',
      [
        `-m mark ! --mark ${mark}/${mark} -j RETURN`,
        // Cleared, so that a packet that passes the stack once more is not masqueraded again.
        `-j MARK --xor-mark ${mark}`,
        `${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
      ],
    ],
    // Containers with iptables in them look for this name to learn which of the two iptables the host uses.
    ['mangle KUBE-IPTABLES-HINT', []],
  ]);
}

// Node ports on 127.0.0.1 need route_localnet, which would open the host's own loopback services to its neighbours.
function localnetRules({ family, localhostNodePorts }: RuleContext): readonly string[] {
  if (family === 6 || !localhostNodePorts) return [];
  const says = comment('block incoming localnet connections');
  const strangers = '-d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT';
  return [`${says} ${strangers} -j DROP`];
}

/** The end of nat KUBE-SERVICES: what is addressed to the node itself may be for a node port. */
export function planNodePortJumps(context: RuleContext): readonly string[] {
  const says = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain');
  if (context.nodePortAddresses !== 'all') {
    return context.nodePortAddresses.map(address => `${says} -d ${address} -j KUBE-NODEPORTS`);
  }
  const loopback =
    context.family === 6 ? '! -d ::1/128 ' : context.localhostNodePorts ? '' : '! -d 127.0.0.0/8 ';
  return [`${says} -m addrtype --dst-type LOCAL ${loopback}-j KUBE-NODEPORTS`];
}
