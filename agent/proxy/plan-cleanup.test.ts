import t from 'tap';
import type { ObservedTables } from './family-rules.ts';
import { planCleanup } from './plan-cleanup.ts';

const TABLES: ObservedTables = new Map([
  [
    'nat',
    {
      chains: new Map([
        ['PREROUTING', 2],
        ['DOCKER', 1],
        ['KUBE-SERVICES', 1],
        ['KUBE-SEP-A', 2],
        ['KUBE-SVC-A', 1],
        ['NODELET-MASQ', 3],
        ['KUBE-ROUTER-OTHER', 1],
      ]),
      builtInRules: [
        '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
      ],
    },
  ],
]);

t.test('planCleanup() takes away our chains, whatever leads to them first', async t => {
  t.same(planCleanup(TABLES, 1_000), [
    '*nat\n-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\nCOMMIT\n',
    '*nat\n:KUBE-SERVICES - [0:0]\n:NODELET-MASQ - [0:0]\nCOMMIT\n',
    '*nat\n:KUBE-SVC-A - [0:0]\n:KUBE-SEP-A - [0:0]\n-X KUBE-SVC-A\n-X KUBE-SEP-A\nCOMMIT\n',
    '*nat\n:KUBE-SERVICES - [0:0]\n:NODELET-MASQ - [0:0]\n-X KUBE-SERVICES\n-X NODELET-MASQ\nCOMMIT\n',
  ]);
});

t.test('planCleanup() does nothing where nothing is ours', async t => {
  t.same(planCleanup(new Map([['nat', { chains: new Map([['DOCKER', 1]]), builtInRules: [] }]]), 1_000), []);
});
