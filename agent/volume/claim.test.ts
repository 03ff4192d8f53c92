import t from 'tap';
import type { Pod } from '../api/objects.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../api/storage-objects.ts';
import {
  bindingProblem,
  claimProblem,
  groupIdOf,
  isForOnePod,
  modeProblem,
  mountOptionsOf,
  ownershipProblem,
  sourceFieldOf,
} from './claim.ts';

const claim: PersistentVolumeClaim = {
  metadata: { name: 'c', namespace: 'ns', uid: 'c-1' },
  spec: { volumeName: 'pv' },
  status: { phase: 'Bound' },
};
const volume: PersistentVolume = {
  metadata: { name: 'pv' },
  spec: { claimRef: { uid: 'c-1' }, local: { path: '/x' } },
};
const pod: Pod = {
  metadata: { name: 'p', namespace: 'ns', uid: 'p-1' },
  spec: { containers: [{ name: 'main', image: 'x', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] },
};

t.test('claimProblem()', async t => {
  const { metadata } = claim;
  const leaving = { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  const table: readonly [string, Partial<PersistentVolumeClaim>, string | undefined][] = [
    ['a bound claim', {}, undefined],
    [
      'one that is to go but held for its pods',
      { metadata: { ...leaving, finalizers: ['kubernetes.io/pvc-protection'] } },
      undefined,
    ],
    ['one that is to go', { metadata: leaving }, 'PVC is being deleted'],
    ['one that waits', { status: { phase: 'Pending' } }, 'PVC is not bound'],
    ['one without a volume', { spec: {} }, 'PVC has empty pvc.Spec.VolumeName'],
  ];
  for (const [name, change, expected] of table)
    t.equal(claimProblem({ ...claim, ...change }), expected, name);
});

t.test('bindingProblem() wants both to point to each other', async t => {
  t.equal(bindingProblem(volume, claim), undefined);
  t.match(bindingProblem({ ...volume, spec: {} }, claim), /nil pv.Spec.ClaimRef/);
  const other = { ...volume, spec: { claimRef: { uid: 'c-2' } } };
  t.match(bindingProblem(other, claim), /ClaimRef.UID c-2 does not point to claim.UID c-1/);
});

t.test('ownershipProblem() takes a claim made for this pod alone', async t => {
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'p-1', controller: true };
  const owned = { ...claim, metadata: { ...claim.metadata, ownerReferences: [owner] } };
  t.equal(ownershipProblem(pod, owned), undefined);
  t.equal(ownershipProblem(pod, claim), 'PVC ns/c was not created for pod ns/p (pod is not owner)');
});

t.test('modeProblem() compares the mode with the use', async t => {
  const block = { ...volume, spec: { ...volume.spec, volumeMode: 'Block' } };
  t.equal(modeProblem(pod, { name: 'data' }, volume), undefined);
  t.equal(
    modeProblem(pod, { name: 'data' }, block),
    'volume data has volumeMode Block, but is specified in volumeMounts',
  );
});

t.test('what a volume says of itself', async t => {
  t.equal(sourceFieldOf(volume), 'local');
  t.ok(isForOnePod({ ...volume, spec: { accessModes: ['ReadWriteOncePod'] } }));
  t.notOk(isForOnePod({ ...volume, spec: { accessModes: ['ReadWriteOncePod', 'ReadOnlyMany'] } }));
  const annotations = { 'volume.beta.kubernetes.io/mount-options': 'a,b' };
  t.same(mountOptionsOf({ metadata: { name: 'pv', annotations }, spec: { mountOptions: ['c'] } }), [
    'a',
    'b',
  ]);
  t.same(mountOptionsOf({ ...volume, spec: { mountOptions: ['c'] } }), ['c']);
  const ofGroup = (gid: string) => ({
    ...volume,
    metadata: { name: 'pv', annotations: { 'pv.beta.kubernetes.io/gid': gid } },
  });
  t.equal(groupIdOf(ofGroup('1234')), 1234);
  t.equal(groupIdOf(ofGroup('staff')), undefined);
  t.equal(groupIdOf(volume), undefined);
});
