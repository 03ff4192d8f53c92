import t from 'tap';
import type { Flow } from '../host/conntrack.ts';
import { planStaleFlows } from './plan-stale-flows.ts';
import type { Endpoint, PortState } from './service-port.ts';

function endpoint(address: string, isServing = true): Endpoint {
  return {
    address,
    port: 5353,
    isReady: isServing,
    isServing,
    isTerminating: false,
    nodeName: undefined,
    zoneHints: undefined,
    nodeHints: undefined,
  };
}

function dns(...endpoints: readonly Endpoint[]): PortState {
  const port = {
    namespace: 'kube-system',
    service: 'kube-dns',
    portName: 'dns',
    protocol: 'udp',
    clusterIP: '10.96.0.10',
    port: 53,
    nodePort: 30_053,
    externalIPs: ['198.51.100.1'],
    loadBalancerVIPs: [],
    loadBalancerSourceRanges: [],
    affinitySeconds: undefined,
    isInternalPolicyLocal: false,
    isExternalPolicyLocal: false,
    healthCheckNodePort: 0,
  } as const;
  return { port, endpoints };
}

function flow(destination: string, destinationPort: number, source: string, sourcePort = 5353): Flow {
  const client = { source: '10.244.0.9', sourcePort: 40_000 };
  return {
    family: 4,
    protocol: 17,
    original: { ...client, destination, destinationPort },
    reply: { source, sourcePort, destination: client.source, destinationPort: client.sourcePort },
    handle: [],
  };
}

const GOOD = '10.244.0.2';
const GONE = '10.244.0.3';
const CASES: readonly (readonly [what: string, state: PortState, flow: Flow, isStale: boolean])[] = [
  ['a flow to a serving endpoint stays', dns(endpoint(GOOD)), flow('10.96.0.10', 53, GOOD), false],
  ['one to an endpoint that is gone goes', dns(endpoint(GOOD)), flow('10.96.0.10', 53, GONE), true],
  ['one that was never translated goes', dns(endpoint(GOOD)), flow('10.96.0.10', 53, '10.96.0.10', 53), true],
  [
    'one to an unready endpoint goes',
    dns(endpoint(GOOD), endpoint(GONE, false)),
    flow('10.96.0.10', 53, GONE),
    true,
  ],
  ['it stays where no endpoint serves', dns(endpoint(GONE, false)), flow('10.96.0.10', 53, GONE), false],
  ['another port of the address is not ours', dns(endpoint(GOOD)), flow('10.96.0.10', 54, GONE), false],
  ['a node port of this node', dns(endpoint(GOOD)), flow('192.0.2.1', 30_053, GONE), true],
  ['the same port of another host', dns(endpoint(GOOD)), flow('192.0.2.9', 30_053, GONE), false],
  ['an external IP', dns(endpoint(GOOD)), flow('198.51.100.1', 53, GONE), true],
];

t.test('planStaleFlows() finds flows that lead nowhere, and no other', async t => {
  for (const [what, state, one, isStale] of CASES) {
    t.equal(planStaleFlows([state], [one], new Set(['192.0.2.1'])).length, isStale ? 1 : 0, what);
  }
});
