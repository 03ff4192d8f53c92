// containerd ends and starts again under running pods: nothing restarts, and the node tells.
import t from 'tap';
import { obedient, readyCondition, useCluster } from '../support/cluster.ts';
import { identify, listRunning, scaleTo } from '../support/pod-set.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const view = await cluster.node();
const { signal } = new AbortController();

t.teardown(async () => {
  await view.node.containerd.ensureStarted({ signal });
  await cluster.untilNodeReady();
});

t.test('pods run', async t => {
  t.equal((await scaleTo(cluster, 6)).length, 6);
});

for (const how of ['SIGKILL', 'SIGTERM'] as const) {
  t.test(`containerd ends by ${how}`, async t => {
    const before = await identify(cluster);
    const running = await listRunning(cluster);
    t.equal(running.length, 6);
    await view.node.containerd.stop(how);
    const stoppedAtMs = performance.now();
    const notReady = await cluster.untilNodeReady('False');
    t.comment(`NotReady after ${Math.round(performance.now() - stoppedAtMs)} ms`);
    t.equal(readyCondition(notReady)?.reason, 'KubeletNotReady');
    t.match(readyCondition(notReady)?.message, /container runtime is down|container runtime status check/);
    const shims = (await view.processes()).filter(({ command }) => command === '/web').length;
    t.ok(shims > 0, 'containers outlive containerd');

    await view.node.containerd.ensureStarted({ signal });
    const startedAtMs = performance.now();
    await cluster.untilNodeReady();
    t.comment(`Ready again after ${Math.round(performance.now() - startedAtMs)} ms`);
    await cluster.createPod(`after-${how.toLowerCase()}`, { containers: [obedient()] });
    await cluster.untilRunning(`after-${how.toLowerCase()}`);
    await cluster.deletePod(`after-${how.toLowerCase()}`, 1);
    await cluster.untilGone(`after-${how.toLowerCase()}`);
    t.same(await waitFor('the list', () => listRunning(cluster)), running, 'the same containers');
    const withoutVersion = (list: typeof before) =>
      list.map(({ name, containerID, restartCount }) => ({ name, containerID, restartCount }));
    t.same(withoutVersion(await identify(cluster)), withoutVersion(before), 'no restarts');
  });
}
