import t from 'tap';
import { checkpointChecksum, formatCheckpoint, parseCheckpoint } from './resource-checkpoint.ts';

const RESOURCES = { requests: { cpu: '1' }, limits: { memory: '1Gi' } };

t.test("checkpointChecksum() is the kubelet's", async t => {
  // Computed with k8s.io/kubernetes/pkg/kubelet/checkpointmanager/checksum of v1.36.4.
  const data = '{"entries":{"u":{"ContainerResources":{"c":{}},"PodLevelResources":null}}}';
  t.equal(checkpointChecksum(data), 3_616_623_628);
});

t.test('parseCheckpoint() reads what formatCheckpoint() writes', async t => {
  const entries = new Map([
    ['a', { containers: new Map([['c', RESOURCES]]), pod: undefined }],
    ['b', { containers: new Map(), pod: RESOURCES }],
  ]);
  t.same(parseCheckpoint(formatCheckpoint(entries)), entries);
  t.same(parseCheckpoint(formatCheckpoint(new Map())), new Map());
});

t.test('parseCheckpoint() takes no damaged file', async t => {
  const text = formatCheckpoint(
    new Map([['a', { containers: new Map([['c', RESOURCES]]), pod: undefined }]]),
  );
  t.throws(() => parseCheckpoint(text.replace('1Gi', '2Gi')), { message: 'the checksum does not match' });
  t.throws(() => parseCheckpoint(text.slice(0, 40)));
  t.throws(() => parseCheckpoint('{}'), { message: 'no data' });
});
