import t from 'tap';
import { trimObject } from './trim.ts';

void t.test('trimObject() drops managedFields and the last-applied annotation only', async t => {
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', keep: 'me' };
  const object = {
    metadata: { name: 'a', generateName: 'b-', annotations, managedFields: [{}] },
    data: { x: 'y' },
  };
  t.strictSame(trimObject(object), {
    metadata: { name: 'a', generateName: 'b-', annotations: { keep: 'me' } },
    data: { x: 'y' },
  });
});
