import t from 'tap';
import { buildLease, formatMicroTime } from './build-lease.ts';

const INPUTS = { nodeName: 'node-1', nodeUID: 'u1', durationSeconds: 40, nowMs: 1_500 };

t.test('buildLease() makes a lease that belongs to its Node', async t => {
  t.strictSame(buildLease(undefined, INPUTS), {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: 'node-1',
      namespace: 'kube-node-lease',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: 'u1' }],
    },
    spec: {
      holderIdentity: 'node-1',
      leaseDurationSeconds: 40,
      renewTime: '1970-01-01T00:00:01.500000Z',
    },
  });
});

t.test('buildLease() renews on top of what is there', async t => {
  const present = { ...buildLease(undefined, INPUTS), spec: { holderIdentity: 'old', extra: 1 } };
  const renewed = buildLease(
    { ...present, metadata: { ...present.metadata, resourceVersion: '7' } },
    { ...INPUTS, nodeUID: undefined },
  );
  t.equal(renewed.metadata.resourceVersion, '7');
  t.equal(renewed.metadata.ownerReferences?.[0]?.uid, 'u1');
  t.match(renewed.spec, { holderIdentity: 'node-1', extra: 1 });
});

t.test('formatMicroTime() has six digits', async t => {
  t.equal(formatMicroTime(0), '1970-01-01T00:00:00.000000Z');
});
