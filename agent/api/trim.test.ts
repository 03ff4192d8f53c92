import t from 'tap';
import { trimObject, trimPod } from './trim.ts';

void t.test('trimObject() drops managedFields and the last-applied annotation only', async t => {
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', keep: 'me' };
  const object = { metadata: { name: 'a', annotations, managedFields: [{}] }, data: { x: 'y' } };
  t.strictSame(trimObject(object), {
    metadata: { name: 'a', annotations: { keep: 'me' } },
    data: { x: 'y' },
  });
});

void t.test("trimPod() drops the scheduler's fields and keeps what it does not know", async t => {
  const spec = { containers: [], affinity: {}, topologySpreadConstraints: [], fromTheFuture: 1 };
  t.strictSame(trimPod({ metadata: { name: 'a' }, spec }), {
    metadata: { name: 'a' },
    spec: { containers: [], fromTheFuture: 1 },
  });
});
