import t from 'tap';
import { buildConflist, CONFLIST_NAME } from '../../cni/build-conflist.ts';
import { type NetworkInputs, type NetworkPlan, planNetwork } from './plan-network.ts';

const BASE: NetworkInputs = {
  manageCNI: 'auto',
  podCIDRs: ['10.244.0.0/24'],
  bridgeName: 'cni0',
  mtu: 0,
  fileNames: [],
  ownContent: undefined,
};
const CONTENT = buildConflist(BASE);

const ROWS: readonly (readonly [string, Partial<NetworkInputs>, NetworkPlan])[] = [
  ['writes the file into an empty directory', {}, { kind: 'write', content: CONTENT }],
  ['waits for the podCIDR', { podCIDRs: [] }, { kind: 'awaitPodCIDR' }],
  ['keeps a file that is right', { fileNames: [CONFLIST_NAME], ownContent: CONTENT }, { kind: 'keep' }],
  [
    'writes a file that differs',
    { fileNames: [CONFLIST_NAME], ownContent: 'old' },
    { kind: 'write', content: CONTENT },
  ],
  [
    'leaves the network to somebody else',
    { fileNames: ['05-cilium.conflist'] },
    { kind: 'notOurs', owner: '05-cilium.conflist', removeOwn: false },
  ],
  [
    'takes its own file away when somebody else comes',
    { fileNames: [CONFLIST_NAME, '20-flannel.conf'], ownContent: CONTENT },
    { kind: 'notOurs', owner: '20-flannel.conf', removeOwn: true },
  ],
  [
    'ignores files that no runtime loads, and the network of podman',
    { fileNames: ['README', 'x.conflist.temp', '87-podman-bridge.conflist'] },
    { kind: 'write', content: CONTENT },
  ],
  [
    'insists when configured so',
    { manageCNI: true, fileNames: ['05-cilium.conflist'] },
    { kind: 'write', content: CONTENT },
  ],
  [
    'is off when configured so',
    { manageCNI: false },
    { kind: 'notOurs', owner: undefined, removeOwn: false },
  ],
  [
    'keeps the file of running pods while the podCIDR is not known',
    { podCIDRs: [], ownContent: CONTENT, fileNames: [CONFLIST_NAME] },
    { kind: 'awaitPodCIDR' },
  ],
];

for (const [name, change, expected] of ROWS) {
  t.test(`planNetwork() ${name}`, async t => {
    t.strictSame(planNetwork({ ...BASE, ...change }), expected);
  });
}
