// Why does a Service not answer on this node? From what the API says, what the kernel holds and what endpoints answer, the
// one true cause. Pure: `nodelet service trace` gathers the facts.
import type { EndpointSlice, Pod, Service } from '../api/objects.ts';
import type { Flow } from '../host/conntrack.ts';
import { planEndpoints } from '../proxy/plan-endpoints.ts';
import { planPortRules } from '../proxy/plan-port-rules.ts';
import { planStaleFlows } from '../proxy/plan-stale-flows.ts';
import { type RuleContext, splitChainId } from '../proxy/ruleset.ts';
import { type Endpoint, endpointText, type PortState, servicePortName } from '../proxy/service-port.ts';

export type ProbeResult = 'answers' | 'refuses' | 'silent' | 'not asked';

export interface ServiceFacts {
  /** `namespace/name` as it was asked for. */
  readonly key: string;
  readonly wantedPort: string | undefined;
  readonly service: Service | undefined;
  readonly slices: readonly EndpointSlice[];
  /** The ports that get rules, of one family. */
  readonly states: readonly PortState[];
  readonly context: RuleContext;
  /** Pods of the namespace that run on this node; others a node may not see. */
  readonly nearPods: readonly Pod[];
  /** iptables-save of nat and filter. */
  readonly rules: readonly string[];
  readonly flows: readonly Flow[];
  readonly ownAddresses: ReadonlySet<string>;
  /** By address and port of the endpoint. */
  readonly probes: ReadonlyMap<string, ProbeResult>;
}

export interface TraceFinding {
  /** Nothing else has to be looked at; `notice`: it works, but not for everybody. */
  readonly kind: 'cause' | 'notice';
  readonly code: string;
  readonly text: string;
  readonly advice: string;
}

export interface PortTrace {
  readonly name: string;
  readonly state: PortState;
  readonly rules: readonly string[];
  readonly findings: readonly TraceFinding[];
}

export interface ServiceTrace {
  readonly findings: readonly TraceFinding[];
  readonly ports: readonly PortTrace[];
}

export function traceService(facts: ServiceFacts): ServiceTrace {
  const cause = findServiceCause(facts);
  if (cause) return { findings: [cause], ports: [] };
  const ports = facts.states.filter(({ port }) => isWanted(port, facts.wantedPort));
  return { findings: [], ports: ports.map(state => tracePort(state, facts)) };
}

function isWanted(port: PortState['port'], wanted: string | undefined): boolean {
  return wanted === undefined || port.portName === wanted || String(port.port) === wanted;
}

function cause(code: string, text: string, advice: string): TraceFinding {
  return { kind: 'cause', code, text, advice };
}

function notice(code: string, text: string, advice: string): TraceFinding {
  return { kind: 'notice', code, text, advice };
}

// ---- What keeps a Service from having rules at all

function findServiceCause({ key, service, states, wantedPort }: ServiceFacts): TraceFinding | undefined {
  const { metadata, spec } = service ?? {};
  if (!metadata || !spec) return cause('NotFound', `there is no Service ${key}`, 'kubectl get services -A');
  if (spec.type === 'ExternalName') {
    const text = `it is a name only: DNS answers with ${spec.externalName ?? ''}, no packet passes a Service address`;
    return cause('ExternalName', text, `nslookup ${spec.externalName ?? ''}`);
  }
  if (spec.clusterIP === 'None') {
    const text = 'it is headless: DNS answers with the addresses of the pods, on the ports of the pods';
    return cause('Headless', text, `nslookup ${metadata.name}.${metadata.namespace ?? ''}.svc`);
  }
  const otherProxy = metadata.labels?.['service.kubernetes.io/service-proxy-name'];
  if (otherProxy !== undefined) {
    const text = `its label service.kubernetes.io/service-proxy-name leaves it to another proxy, ${otherProxy}`;
    return cause('OtherProxy', text, 'remove the label, or look at that proxy');
  }
  if (states.length === 0)
    return cause('NoClusterIP', 'it has no cluster IP yet', 'kubectl describe service');
  if (states.some(({ port }) => isWanted(port, wantedPort))) return undefined;
  const known = states
    .map(({ port }) => `${port.portName || '(no name)'} ${port.port}/${port.protocol}`)
    .join(', ');
  return cause('NoSuchPort', `it has no port ${wantedPort ?? ''}, only ${known}`, 'ask for a port it has');
}

// ---- One port

function tracePort(state: PortState, facts: ServiceFacts): PortTrace {
  const name = servicePortName(state.port);
  const rules = selectRules(state, facts);
  const findings =
    findEndpointCause(state, facts) ??
    findRuleCause(state, facts) ??
    findFlowCause(state, facts) ??
    findAnswerCause(state, facts);
  return { name, state, rules, findings: findings ? [findings] : findNotices(state, facts) };
}

function findEndpointCause(state: PortState, facts: ServiceFacts): TraceFinding | undefined {
  const { endpoints, port } = state;
  const { context } = facts;
  if (endpoints.length === 0) return findAbsence(state, facts);
  const sets = planEndpoints(state, context);
  if (!sets.hasAny) {
    const list = endpoints.map(endpointText).join(', ');
    const text = `none of its ${endpoints.length} endpoints is ready (${list}): connections are refused`;
    return cause(
      'NoReadyEndpoints',
      text,
      'kubectl describe pod: readiness probe, containers that do not start',
    );
  }
  if (port.isInternalPolicyLocal && sets.local.length === 0) {
    const text = `internalTrafficPolicy is Local and no endpoint runs on ${context.nodeName}: packets are dropped here`;
    return cause(
      'NoLocalEndpoints',
      text,
      'run a pod of it on this node, or set internalTrafficPolicy: Cluster',
    );
  }
  return undefined;
}

function findAbsence({ port }: PortState, { service, slices, nearPods }: ServiceFacts): TraceFinding {
  const selector = Object.entries(service?.spec?.selector ?? {});
  if (selector.length === 0) {
    const text = 'it has no selector, and nobody has made an EndpointSlice for it';
    return cause('NoSelector', text, 'set spec.selector, or create an EndpointSlice with its name as label');
  }
  const words = selector.map(([label, value]) => `${label}=${value}`).join(',');
  if (slices.some(({ endpoints }) => (endpoints ?? []).length > 0)) {
    const target = service?.spec?.ports?.find(({ name = '' }) => name === port.portName)?.targetPort;
    const text = `its pods have no ${port.protocol} port named ${String(target)}, which is its targetPort`;
    return cause('TargetPortUnknown', text, "compare targetPort with the names of the containers' ports");
  }
  const near = nearPods.find(({ metadata }) =>
    selector.some(([label]) => metadata.labels?.[label] !== undefined),
  );
  const labels = selector.flatMap(([label]) => near?.metadata.labels?.[label] ?? []).join(', ');
  const hint = near ? `; ${near.metadata.name} on this node has ${labels}` : '';
  return cause(
    'NoMatchingPods',
    `no pod with an address has the labels ${words}${hint}`,
    `kubectl get pods -l ${words}`,
  );
}

function findRuleCause(state: PortState, { context, rules }: ServiceFacts): TraceFinding | undefined {
  const restart = 'systemctl status nodelet; a running nodelet puts rules back within a second';
  if (!rules.some(rule => /^-A PREROUTING .*-j KUBE-SERVICES$/.test(rule))) {
    return cause('RulesMissing', 'packets do not reach KUBE-SERVICES: the tables were flushed', restart);
  }
  const { chains, shared } = planPortRules(state, context);
  const name = servicePortName(state.port);
  for (const { chain, rule } of shared) {
    const target = / -j (\S+)$/.exec(rule)?.[1] ?? '';
    const isThere = rules.some(found => found.includes(`"${name} `) && found.includes(target));
    if (isThere || chain !== 'nat KUBE-SERVICES') continue;
    return cause('RulesMissing', `no rule leads from ${state.port.clusterIP} to ${target}`, restart);
  }
  for (const [id, wanted] of chains) {
    const chain = splitChainId(id).name;
    const found = rules.filter(rule => rule.startsWith(`-A ${chain} `)).length;
    if (found === wanted.length) continue;
    const text = `${chain} has ${found} rules instead of ${wanted.length}: the rules are older than the endpoints`;
    return cause('RulesOutdated', text, restart);
  }
  return undefined;
}

function findFlowCause(state: PortState, { flows, ownAddresses }: ServiceFacts): TraceFinding | undefined {
  const stale = planStaleFlows([state], flows, ownAddresses);
  const [first] = stale;
  if (!first) return undefined;
  const { original, reply } = first;
  const text = `${stale.length} UDP flows lead to endpoints that are gone, e.g. ${original.source}:${original.sourcePort} to ${reply.source}:${reply.sourcePort}`;
  return cause(
    'StaleFlow',
    text,
    `conntrack -D -p udp --orig-dst ${original.destination} --reply-src ${reply.source}`,
  );
}

function findAnswerCause(
  state: PortState,
  { context, probes, service }: ServiceFacts,
): TraceFinding | undefined {
  const used = planEndpoints(state, context).reachable;
  const those = (result: ProbeResult): readonly Endpoint[] =>
    used.filter(endpoint => probes.get(endpointText(endpoint)) === result);
  const [refuses, silent] = [those('refuses'), those('silent')];
  const share = (endpoints: readonly Endpoint[]): string =>
    `${endpoints.length} of ${used.length} endpoints (${endpoints.map(endpointText).join(', ')})`;
  if (refuses.length > 0) {
    const target = service?.spec?.ports?.find(({ name = '' }) => name === state.port.portName)?.targetPort;
    const text = `${share(refuses)} refuse connections: nothing listens there`;
    return cause(
      'EndpointRefuses',
      text,
      `is targetPort ${String(target)} the port that the container listens on?`,
    );
  }
  if (silent.length > 0) {
    const text = `${share(silent)} do not answer: packets are lost on the way`;
    return cause(
      'EndpointSilent',
      text,
      'network policies, firewalls, routes to the other node (ip route show proto 107)',
    );
  }
  return undefined;
}

function findNotices(state: PortState, { context, service }: ServiceFacts): readonly TraceFinding[] {
  const { port, endpoints } = state;
  const sets = planEndpoints(state, context);
  const findings: TraceFinding[] = [];
  if (!endpoints.some(({ isReady }) => isReady)) {
    const text = 'only endpoints that are ending are left; they still answer';
    findings.push(notice('OnlyTerminating', text, 'kubectl get pods: why does no new one become ready?'));
  }
  if (port.isExternalPolicyLocal && sets.local.length === 0) {
    const text = `externalTrafficPolicy is Local and no endpoint runs on ${context.nodeName}: packets from outside are dropped here`;
    findings.push(
      notice('NoLocalEndpoints', text, 'use a node that has one, or externalTrafficPolicy: Cluster'),
    );
  }
  if (service?.spec?.type === 'LoadBalancer' && (service.status?.loadBalancer?.ingress ?? []).length === 0) {
    const text = 'it has no load balancer address yet';
    findings.push(
      notice('LoadBalancerPending', text, 'is there a controller for load balancers in this cluster?'),
    );
  }
  if (port.loadBalancerSourceRanges.length > 0 && port.loadBalancerVIPs.length > 0) {
    const text = `its load balancer address takes packets from ${port.loadBalancerSourceRanges.join(', ')} only`;
    findings.push(notice('SourceRanges', text, 'spec.loadBalancerSourceRanges'));
  }
  return findings;
}

/** The way of a packet: dispatch, policy chains, endpoints. */
function selectRules(state: PortState, { context, rules }: ServiceFacts): readonly string[] {
  const { chains } = planPortRules(state, context);
  const own = [...chains.keys()].toReversed().map(id => splitChainId(id).name);
  const name = servicePortName(state.port);
  const isNamed = (rule: string): boolean =>
    [`"${name} `, `"${name}"`, ` ${name} `].some(word => rule.includes(word));
  const isOwn = (rule: string): boolean => own.some(chain => rule.startsWith(`-A ${chain} `));
  return [
    ...rules.filter(rule => isNamed(rule) && !isOwn(rule)),
    ...own.flatMap(chain => rules.filter(rule => rule.startsWith(`-A ${chain} `))),
  ];
}
