// The agent is killed with thirty pods running and started again: they do not notice, and neither does the API.
import t from 'tap';
import { obedient, useCluster } from '../support/cluster.ts';
import { identify, listRunning, scaleTo } from '../support/pod-set.ts';
import { waitFor } from '../support/wait-for.ts';

const PODS = 30;
const cluster = await useCluster(t);
const { signal } = new AbortController();

/** The agents have seen everything: a pod made now runs on each of them. */
async function untilAgentsWork(round: string): Promise<void> {
  for (const { name } of cluster.sandbox.nodes) {
    await cluster.createPod(`after-${round}-${name}`, {
      nodeName: name,
      containers: [obedient()],
    });
    await cluster.untilRunning(`after-${round}-${name}`);
    await cluster.deletePod(`after-${round}-${name}`, 1);
    await cluster.untilGone(`after-${round}-${name}`);
  }
}

t.teardown(async () => {
  for (const node of cluster.sandbox.nodes) await node.agent.ensureStarted({ signal });
});

t.test(`${PODS} pods run`, async t => {
  t.equal((await scaleTo(cluster, PODS)).length, PODS);
});

t.test('SIGKILL and a new start: the same containers, no restarts, not one status written', async t => {
  const before = await identify(cluster);
  const running = await listRunning(cluster);
  t.equal(running.length, PODS);
  for (const node of cluster.sandbox.nodes) await node.agent.kill();
  t.same(await listRunning(cluster), running, 'containers outlive the agent');
  for (const node of cluster.sandbox.nodes) await node.agent.ensureStarted({ signal });
  await untilAgentsWork('kill');
  t.same(await listRunning(cluster), running);
  t.same(await identify(cluster), before);
  t.ok(before.every(({ restartCount }) => restartCount === 0));
});

t.test('SIGTERM and a new start: the same', async t => {
  const before = await identify(cluster);
  const running = await listRunning(cluster);
  for (const node of cluster.sandbox.nodes) await node.agent.stop();
  t.same(await listRunning(cluster), running, 'containers outlive the agent');
  for (const node of cluster.sandbox.nodes) await node.agent.ensureStarted({ signal });
  await untilAgentsWork('stop');
  t.same(await listRunning(cluster), running);
  t.same(await identify(cluster), before);
});

t.test('pods that were deleted while the agent was away are taken down when it is back', async t => {
  for (const node of cluster.sandbox.nodes) await node.agent.kill();
  await cluster.kubectl('delete', 'deployment', 'many', '--wait=false');
  await cluster.kubectl('delete', 'pods', '--all', '--force', '--grace-period=0');
  t.equal((await listRunning(cluster)).length, PODS);
  for (const node of cluster.sandbox.nodes) await node.agent.ensureStarted({ signal });
  await waitFor('the orphans to end', async () => (await listRunning(cluster)).length === 0, {
    deadlineMs: 60_000,
  });
});
