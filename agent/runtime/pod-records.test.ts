import t from 'tap';
import type { ContainerStatus } from '../../cri-proto/runtime.v1.ts';
import { containerRecord, PodRecords } from './pod-records.ts';

const status: ContainerStatus = {
  id: 'c0',
  metadata: { name: 'web', attempt: 0 },
  state: 'CONTAINER_RUNNING',
  createdAt: '1000000',
  startedAt: '2000000',
  finishedAt: '0',
  exitCode: 0,
  image: null,
  imageRef: 'ref',
  reason: '',
  message: '',
  labels: {},
  annotations: {},
  mounts: [],
  logPath: '',
  resources: null,
  imageId: '',
  user: null,
  stopSignal: 'RUNTIME_DEFAULT',
};
const running = containerRecord(status, 's0');
const exited = containerRecord({ ...status, state: 'CONTAINER_EXITED' }, 's0');

function stateOf(records: PodRecords): string | undefined {
  return records.build('u')?.containers[0]?.state;
}

t.test('PodRecords keeps what the newest look saw of each record', async t => {
  const records = new PodRecords();
  records.set(exited, 3);
  records.setAll([running], 2);
  t.equal(stateOf(records), 'exited', 'a list that began earlier is behind');
  records.setAll([running], 4);
  t.equal(stateOf(records), 'running');
});

t.test('PodRecords keeps what was made after a list had begun', async t => {
  const records = new PodRecords();
  records.set(running, 2);
  records.setAll([], 1);
  t.equal(stateOf(records), 'running');
  records.setAll([], 3);
  t.equal(records.build('u'), undefined);
});

t.test('PodRecords brings nothing back that a later look did not find', async t => {
  const records = new PodRecords();
  records.set(running, 1);
  records.remove('c0', 3);
  records.setAll([running], 2);
  t.equal(records.build('u'), undefined);
  records.forgetGoneBefore(4);
  t.ok(records.isForgotten);
});
