import t from 'tap';
import type { Node } from '../api/objects.ts';
import { canonicalCIDR, collectPodCIDRs, planRoutes, podCIDRsOf } from './plan-routes.ts';

function node(name: string, podCIDRs: readonly string[], ips: readonly string[]): Node {
  return {
    metadata: { name },
    spec: { podCIDRs },
    status: { addresses: ips.map(address => ({ type: 'InternalIP', address })) },
  };
}

const SELF = node('a', ['10.244.0.0/24'], ['192.168.0.1']);
const PEER = node('b', ['10.244.1.0/24', 'fd00:1::/64'], ['192.168.0.2', 'fd00::2']);

t.test('planRoutes() routes every podCIDR of a peer through its address of the same family', async t => {
  t.strictSame(planRoutes([SELF, PEER], 'a', []), [
    { kind: 'ensure', route: { destination: '10.244.1.0/24', gateway: '192.168.0.2' } },
    { kind: 'ensure', route: { destination: 'fd00:1::/64', gateway: 'fd00::2' } },
  ]);
});

t.test('planRoutes() on the goal state does nothing', async t => {
  const observed = planRoutes([SELF, PEER], 'a', []).map(({ route }) => route);
  t.strictSame(planRoutes([SELF, PEER], 'a', observed), []);
});

t.test('planRoutes() removes the routes of nodes that are gone', async t => {
  const observed = [{ destination: '10.244.9.0/24', gateway: '192.168.0.9' }];
  t.strictSame(planRoutes([SELF], 'a', observed), [{ kind: 'remove', route: observed[0] }]);
});

t.test('planRoutes() moves a destination to its new gateway in one step', async t => {
  const observed = [{ destination: '10.244.1.0/24', gateway: '192.168.0.7' }];
  t.strictSame(planRoutes([SELF, node('b', ['10.244.1.0/24'], ['192.168.0.2'])], 'a', observed), [
    { kind: 'ensure', route: { destination: '10.244.1.0/24', gateway: '192.168.0.2' } },
  ]);
});

t.test('planRoutes() skips nodes without podCIDR, without address or of the other family', async t => {
  const nodes = [
    SELF,
    node('c', [], ['192.168.0.3']),
    node('d', ['10.244.3.0/24'], []),
    node('e', ['fd00:9::/64'], ['192.168.0.5']),
  ];
  t.strictSame(planRoutes(nodes, 'a', []), []);
});

t.test('collectPodCIDRs() and podCIDRsOf() give canonical networks', async t => {
  t.strictSame(collectPodCIDRs([PEER, SELF, SELF]), ['10.244.0.0/24', '10.244.1.0/24', 'fd00:1::/64']);
  t.strictSame(podCIDRsOf({ metadata: { name: 'x' }, spec: { podCIDR: '10.1.2.3/24' } }), ['10.1.2.0/24']);
  t.strictSame(podCIDRsOf(undefined), []);
  t.equal(canonicalCIDR('nonsense'), undefined);
});
