// The rules of one service port: its own chains, and what it adds to the chains that all share. The comments are what
// people grep for, so they are kube-proxy's.
import { endpointChain, type PortChains, portChains } from './chain-names.ts';
import {
  type EndpointSets,
  planEndpoints,
  usesClusterEndpoints,
  usesLocalEndpoints,
} from './plan-endpoints.ts';
import { isInRange } from './ranges.ts';
import { type ChainId, comment, type PortRules, type RuleContext, type SharedRule } from './ruleset.ts';
import {
  type Endpoint,
  endpointText,
  isExternallyAccessible,
  type PortState,
  type ServicePort,
  servicePortName,
} from './service-port.ts';

/** Everything the builders below need to know of one service port. */
interface Situation {
  readonly context: RuleContext;
  readonly port: ServicePort;
  readonly name: string;
  readonly chains: PortChains;
  readonly sets: EndpointSets;
  /** Where the policy of the cluster IP, and that of external addresses, leads. */
  readonly internalChain: string;
  readonly externalPolicyChain: string;
  readonly hasInternalEndpoints: boolean;
  readonly hasExternalEndpoints: boolean;
  readonly hasFirewall: boolean;
}

export function planPortRules(state: PortState, context: RuleContext): PortRules {
  const situation = assess(state, context);
  const { port, sets, chains } = situation;
  const own = new Map<ChainId, readonly string[]>();
  for (const endpoint of sets.reachable) {
    own.set(`nat ${endpointChain(port, endpoint)}`, endpointRules(situation, endpoint));
  }
  if (sets.cluster.length > 0 && usesClusterEndpoints(port)) {
    own.set(`nat ${chains.cluster}`, policyRules(situation, chains.cluster, sets.cluster));
  }
  if (sets.local.length > 0 && usesLocalEndpoints(port)) {
    own.set(`nat ${chains.local}`, policyRules(situation, chains.local, sets.local));
  }
  if (sets.hasAny && isExternallyAccessible(port))
    own.set(`nat ${chains.external}`, externalRules(situation));
  if (situation.hasFirewall) own.set(`nat ${chains.firewall}`, firewallRules(situation));
  return { chains: own, shared: sharedRules(situation) };
}

function assess(state: PortState, context: RuleContext): Situation {
  const { port } = state;
  const sets = planEndpoints(state, context);
  const chains = portChains(port);
  const hasLocal = sets.local.length > 0;
  return {
    context,
    port,
    name: servicePortName(port),
    chains,
    sets,
    internalChain: port.isInternalPolicyLocal ? chains.local : chains.cluster,
    externalPolicyChain: port.isExternalPolicyLocal ? chains.local : chains.cluster,
    hasInternalEndpoints: sets.hasAny && (!port.isInternalPolicyLocal || hasLocal),
    hasExternalEndpoints: sets.hasAny && (!port.isExternalPolicyLocal || hasLocal),
    hasFirewall: sets.hasAny && port.loadBalancerVIPs.length > 0 && port.loadBalancerSourceRanges.length > 0,
  };
}

// ---- Chains of its own

function endpointRules({ context, port, name }: Situation, endpoint: Endpoint): readonly string[] {
  const said = context.hasEndpointComments ? `${comment(name)} ` : '';
  const remember =
    port.affinitySeconds === undefined ? '' : `-m recent --name ${endpointChain(port, endpoint)} --set `;
  return [
    // A pod that reaches itself through its Service must see a foreign source, or it answers past the translation.
    `${said}-s ${endpoint.address} -j KUBE-MARK-MASQ`,
    `${said}${remember}-p ${port.protocol} -m ${port.protocol} -j DNAT --to-destination ${endpointText(endpoint)}`,
  ];
}

function policyRules(situation: Situation, chain: string, endpoints: readonly Endpoint[]): readonly string[] {
  const { port } = situation;
  return [
    ...masqueradeRules(situation, chain),
    ...(port.affinitySeconds === undefined
      ? []
      : endpoints.map(endpoint => {
          const target = endpointChain(port, endpoint);
          const recent = `-m recent --name ${target} --rcheck --seconds ${port.affinitySeconds} --reap`;
          return `${endpointComment(situation, endpoint)}${recent} -j ${target}`;
        })),
    ...endpoints.map((endpoint, index) => {
      const left = endpoints.length - index;
      const chance = left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(10)} ` : '';
      return `${endpointComment(situation, endpoint)}${chance}-j ${endpointChain(port, endpoint)}`;
    }),
  ];
}

function endpointComment({ context, name }: Situation, endpoint: Endpoint): string {
  return context.hasEndpointComments ? `${comment(`${name} -> ${endpointText(endpoint)}`)} ` : '';
}

// Packets from outside the cluster may be sent on to another node, whose answer must come back through this one.
function masqueradeRules(
  { context, port, name, internalChain }: Situation,
  chain: string,
): readonly string[] {
  const { masqueradeAll, localSource } = context;
  if (chain !== internalChain || (!masqueradeAll && !localSource)) return [];
  const source = masqueradeAll || !localSource ? '' : `${localSource.isNot} `;
  return [`${comment(`${name} cluster IP`)} ${match(port, port.clusterIP)} ${source}-j KUBE-MARK-MASQ`];
}

function externalRules(situation: Situation): readonly string[] {
  const { context, port, name, chains, hasExternalEndpoints, externalPolicyChain } = situation;
  const last = hasExternalEndpoints ? [`-j ${externalPolicyChain}`] : [];
  const text = `${name} external destinations`;
  if (!port.isExternalPolicyLocal) {
    return [`${comment(`masquerade traffic for ${text}`)} -j KUBE-MARK-MASQ`, ...last];
  }
  const isLocal = '-m addrtype --src-type LOCAL';
  const fromPods = context.localSource
    ? [`${comment(`pod traffic for ${text}`)} ${context.localSource.is} -j ${chains.cluster}`]
    : [];
  return [
    ...fromPods,
    `${comment(`masquerade LOCAL traffic for ${text}`)} ${isLocal} -j KUBE-MARK-MASQ`,
    `${comment(`route LOCAL traffic for ${text}`)} ${isLocal} -j ${chains.cluster}`,
    ...last,
  ];
}

function firewallRules({ context, port, name, chains }: Situation): readonly string[] {
  const { nodeIP } = context;
  const says = comment(`${name} loadbalancer IP`);
  const ranges = port.loadBalancerSourceRanges;
  // Where the address is a local one, the node's own packets to it come from that address.
  const isNodeAllowed = nodeIP !== undefined && ranges.some(range => isInRange(nodeIP, range));
  const sources = [...ranges, ...(isNodeAllowed ? port.loadBalancerVIPs : [])];
  return [
    ...sources.map(source => `${says} -s ${source} -j ${chains.external}`),
    comment(`other traffic to ${name} will be dropped by KUBE-PROXY-FIREWALL`),
  ];
}

// ---- Its part in the shared chains

function sharedRules(situation: Situation): readonly SharedRule[] {
  return [
    ...clusterIPRules(situation),
    ...situation.port.externalIPs.flatMap(address => externalAddressRules(situation, address, 'external IP')),
    ...situation.port.loadBalancerVIPs.flatMap(address =>
      externalAddressRules(situation, address, 'loadbalancer IP'),
    ),
    ...nodePortRules(situation),
  ];
}

function clusterIPRules(situation: Situation): readonly SharedRule[] {
  const { port, name, internalChain, hasInternalEndpoints } = situation;
  const address = port.clusterIP;
  const matches = match(port, address);
  if (hasInternalEndpoints) {
    const rule = `${comment(`${name} cluster IP`)} ${matches} -j ${internalChain}`;
    return [{ chain: 'nat KUBE-SERVICES', address, rule }];
  }
  return [{ chain: 'filter KUBE-SERVICES', address, rule: refusal(situation, matches) }];
}

function externalAddressRules(
  situation: Situation,
  address: string,
  kind: 'external IP' | 'loadbalancer IP',
): readonly SharedRule[] {
  const { port, name, chains, sets, hasExternalEndpoints, hasFirewall } = situation;
  const isFirewalled = hasFirewall && kind === 'loadbalancer IP';
  const matches = match(port, address);
  const rules: SharedRule[] = [];
  if (sets.hasAny) {
    const target = isFirewalled ? chains.firewall : chains.external;
    const rule = `${comment(`${name} ${kind}`)} ${matches} -j ${target}`;
    rules.push({ chain: 'nat KUBE-SERVICES', address, rule });
  }
  if (isFirewalled) {
    const rule = `${comment(`${name} traffic not accepted by ${chains.firewall}`)} ${matches} -j DROP`;
    rules.push({ chain: 'filter KUBE-PROXY-FIREWALL', address, rule });
  }
  if (!hasExternalEndpoints) {
    rules.push({ chain: 'filter KUBE-EXTERNAL-SERVICES', address, rule: refusal(situation, matches) });
  }
  return rules;
}

function nodePortRules(situation: Situation): readonly SharedRule[] {
  const { port, name, chains, sets, hasExternalEndpoints } = situation;
  const { protocol, nodePort, healthCheckNodePort } = port;
  const rules: SharedRule[] = [];
  const add = (chain: ChainId, rule: string): number => rules.push({ chain, address: undefined, rule });
  const matches = `-p ${protocol} -m ${protocol} --dport ${nodePort}`;
  if (nodePort !== 0 && sets.hasAny) {
    add('nat KUBE-NODEPORTS', `${comment(name)} ${matches} -j ${chains.external}`);
  }
  if (nodePort !== 0 && !hasExternalEndpoints) {
    add('filter KUBE-EXTERNAL-SERVICES', refusal(situation, `-m addrtype --dst-type LOCAL ${matches}`));
  }
  if (healthCheckNodePort !== 0) {
    // Also without local endpoints: a load balancer wants to hear 503, not to wait.
    const says = comment(`${name} health check node port`);
    add('filter KUBE-NODEPORTS', `${says} -p tcp -m tcp --dport ${healthCheckNodePort} -j ACCEPT`);
  }
  return rules;
}

/** Nobody there: say so. Somebody, but not on this node and only this node may answer: silence, as if the node were away. */
function refusal({ name, sets }: Situation, matches: string): string {
  return sets.hasAny
    ? `${comment(`${name} has no local endpoints`)} ${matches} -j DROP`
    : `${comment(`${name} has no endpoints`)} ${matches} -j REJECT`;
}

function match({ protocol, port }: ServicePort, address: string): string {
  return `-d ${address} -p ${protocol} -m ${protocol} --dport ${port}`;
}
