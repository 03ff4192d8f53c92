import t from 'tap';
import type { ContainerState, PodStatus } from '../api/objects.ts';
import { findLogInstance } from './log-instance.ts';

const ended = (containerID?: string): ContainerState => ({
  terminated: { exitCode: 1, ...(containerID !== undefined && { containerID }) },
});

function statusWith(state: ContainerState, lastState: ContainerState = {}): PodStatus {
  const rest = { ready: false, restartCount: 0, image: '', imageID: '' };
  return { containerStatuses: [{ name: 'c', state, lastState, containerID: 'containerd://now', ...rest }] };
}

const find = (status: PodStatus, previous = false) => {
  const instance = findLogInstance(status, { pod: 'p', container: 'c', previous });
  return instance.kind === 'found' ? instance.containerID : instance.text;
};

void t.test('findLogInstance()', async t => {
  const waiting = (reason: string) => ({ waiting: { reason } });
  const where = 'container "c" in pod "p"';
  t.equal(find({}), `${where} is not available`);
  t.equal(find(statusWith({ running: {} })), 'containerd://now');
  t.equal(find(statusWith({ running: {} }), true), `previous terminated ${where} not found`);
  t.equal(find(statusWith({ running: {} }, ended('containerd://last')), true), 'containerd://last');
  t.equal(find(statusWith(ended('containerd://it'))), 'containerd://it');
  t.equal(find(statusWith(ended(), ended('containerd://last'))), 'containerd://last');
  t.equal(find(statusWith(ended())), `${where} is terminated`);
  t.equal(find(statusWith(waiting('CrashLoopBackOff'), ended('containerd://last'))), 'containerd://last');
  t.equal(find(statusWith(waiting('ErrImagePull'))), `${where} is waiting to start: image can't be pulled`);
  t.equal(
    find(statusWith(waiting('ImagePullBackOff'))),
    `${where} is waiting to start: trying and failing to pull image`,
  );
  t.equal(find(statusWith(waiting('ContainerCreating'))), `${where} is waiting to start: ContainerCreating`);
  t.equal(find(statusWith({})), `${where} is waiting to start - no logs yet`);
});
