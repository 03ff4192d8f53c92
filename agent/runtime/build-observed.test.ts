import t from 'tap';
import type { Container, ContainerStatus } from '../../cri-proto/runtime.v1.ts';
import { buildObservedPod } from './build-observed.ts';

const item: Container = {
  id: 'c0',
  podSandboxId: 's0',
  metadata: { name: 'web', attempt: 0 },
  state: 'CONTAINER_EXITED',
  createdAt: '1000000',
  labels: { 'io.kubernetes.pod.name': 'p', 'io.kubernetes.pod.namespace': 'n' },
  annotations: {},
  image: null,
  imageRef: 'ref',
  imageId: '',
};

function observe(changes: Partial<ContainerStatus>): string | undefined {
  const status = { id: 'c0', state: 'CONTAINER_EXITED', exitCode: 128, mounts: [], ...changes };
  // Only these fields are read; the rest of the message says nothing here.
  const pod = buildObservedPod('u', [], [{ item, status: status as unknown as ContainerStatus }]);
  return pod?.containers[0]?.state;
}

const ABORTED = 'failed to create containerd task: failed to create shim task: context canceled: unknown';
const MISSING = 'failed to create containerd task: exec: "nothing": executable file not found in $PATH';

t.test('buildObservedPod() takes a start that its caller broke off for no end of the container', async t => {
  t.equal(observe({ reason: 'StartError', message: ABORTED }), 'startAborted');
  t.equal(observe({ reason: 'StartError', message: MISSING }), 'exited');
  t.equal(observe({ reason: 'Error', message: ABORTED }), 'exited', 'it has run');
  t.equal(observe({ reason: 'StartError', message: ABORTED, state: 'CONTAINER_RUNNING' }), 'running');
});
