import t from 'tap';
import { buildStatusLine } from './status-line.ts';

t.test('buildStatusLine() tells readiness, or what is in its way', async t => {
  t.equal(buildStatusLine({ problems: undefined, podCount: 0 }), 'starting');
  t.equal(buildStatusLine({ problems: [], podCount: 1 }), 'node is ready, 1 pod');
  t.equal(buildStatusLine({ problems: [], podCount: 30 }), 'node is ready, 30 pods');
  t.equal(
    buildStatusLine({ problems: ['container runtime is down'], podCount: 3 }),
    'node is not ready: container runtime is down',
  );
});
