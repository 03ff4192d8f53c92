import t from 'tap';
import type { Pod } from '../api/objects.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import { findAdoptedUID } from './adopt-static-pod.ts';

const POD: Pod = {
  metadata: { name: 'web-node-1', namespace: 'kube-system', uid: 'ours' },
  spec: { containers: [] },
};
const RUNNING: ObservedPod = {
  podUID: 'theirs',
  name: 'web-node-1',
  namespace: 'kube-system',
  isStatic: true,
  configSeenAtMs: 2_000,
  sandboxes: [
    {
      id: 's',
      attempt: 0,
      isReady: true,
      createdAtMs: 2_001,
      podIPs: [],
      isHostNetwork: true,
      runtimeHandler: '',
    },
  ],
  containers: [],
};

const ROWS: readonly (readonly [
  title: string,
  others: readonly ObservedPod[],
  expected: string | undefined,
])[] = [
  ['keeps the UID of an unchanged manifest', [RUNNING], 'theirs'],
  ['has its own where nothing runs', [], undefined],
  ['sees that the manifest is newer than the pod', [{ ...RUNNING, configSeenAtMs: 999 }], undefined],
  ['asks for nothing that does not run', [{ ...RUNNING, sandboxes: [] }], undefined],
  ['leaves pods of the API alone', [{ ...RUNNING, isStatic: false }], undefined],
  ['tells namespaces apart', [{ ...RUNNING, namespace: 'default' }], undefined],
  ['prefers the UID that it has itself', [RUNNING, { ...RUNNING, podUID: 'ours' }], undefined],
];
for (const [title, others, expected] of ROWS) {
  t.test(`findAdoptedUID() ${title}`, async t => {
    t.equal(findAdoptedUID(POD, 1_000, others), expected);
  });
}
