// What `kubectl logs` promises beyond the walk W8 (test/walks).
import t from 'tap';
import { script, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const { signal } = new AbortController();

const logs = (...args: string[]) => cluster.kubectl('logs', ...args);

async function logsError(...args: string[]): Promise<string> {
  const all = ['--namespace', cluster.namespace, 'logs', ...args];
  return (await cluster.sandbox.tryKubectl(all, { signal })).stderr;
}

t.test('a log that was moved and not opened anew, as by an agent killed in a rotation', async t => {
  const pod = await cluster.createPod('moved', {
    containers: [script('echo before; until [ -e /go ]; do sleep 0.1; done; echo after; sleep 600')],
  });
  await cluster.untilRunning('moved');
  const directory = `/var/log/pods/${cluster.namespace}_moved_${uidOf(pod)}/main`;
  await node.shell(`cd ${directory} && mv 0.log 0.log.20260102-030405`);
  await waitFor('a new log', async () => (await node.shell(`ls ${directory}`)).split('\n').includes('0.log'));
  await cluster.kubectl('exec', 'moved', '--', 'touch', '/go');
  await waitFor('the new line', async () => (await logs('moved', '--tail=1')) === 'after\n');
  t.equal(await logs('moved'), 'before\nafter\n', 'nothing is lost');
});

t.test('a container that is not there yet', async t => {
  await cluster.createPod('waits', {
    containers: [{ image: 'none.invalid/none:1', imagePullPolicy: 'Never' }],
  });
  await cluster.untilPod(
    'waits',
    'waiting',
    pod => pod.status?.containerStatuses?.[0]?.state.waiting !== undefined,
  );
  t.match(await logsError('waits'), 'container "main" in pod "waits" is waiting to start: ErrImageNeverPull');
  t.match(await logsError('waits', '-p'), 'previous terminated container "main" in pod "waits" not found');
});

t.test('following ends with the container, and a line is there at once', async t => {
  await cluster.createPod('ends', {
    restartPolicy: 'Never',
    containers: [script('until [ -e /go ]; do sleep 0.05; done; echo bye')],
  });
  await cluster.untilRunning('ends');
  const following = logs('-f', 'ends');
  await cluster.kubectl('exec', 'ends', '--', 'touch', '/go');
  t.equal(await following, 'bye\n');
});
