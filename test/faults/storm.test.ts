// Pods come and go while the agent is killed again and again, 0.3 to 3 s after each start; afterwards everything is as
// asked and nothing is left.

import { strict as assert } from 'node:assert';
import t from 'tap';
import { FaultCluster, pause } from './fault-cluster.ts';

t.setTimeout(240_000);

const STORM_MS = 20_000;
const KILL_STEP_MS = 300;
const PODS_AT_A_TIME = 4;

const cluster = await FaultCluster.start({ name: process.env['NODELET_TEST_SANDBOX'] ?? 'faults' });
t.teardown(async () => await cluster.stop());
await cluster.removePods();

await t.test('an agent that is killed again and again loses and leaks nothing', async t => {
  await cluster.startReadyAgent();
  const created = new Map<string, string>();
  const endAtMs = performance.now() + STORM_MS;
  const killing = killUntil(endAtMs);
  for (let serial = 0; performance.now() < endAtMs; serial += 1) {
    const pod = await cluster.createPod(`storm-${serial}`);
    created.set(pod.metadata.name, pod.metadata.uid ?? '');
    if (serial >= PODS_AT_A_TIME)
      await cluster.deletePod(`storm-${serial - PODS_AT_A_TIME}`).catch(() => undefined); // gone already
    await pause(700);
  }
  const kills = await killing;
  t.comment(`${kills} kills, ${created.size} pods`);
  await cluster.startReadyAgent();
  const left = (await cluster.listPods()).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  t.equal(left.length, PODS_AT_A_TIME);
  for (const { metadata } of left) {
    await cluster.untilRunning(metadata.name);
    const { sandboxes, containers } = await cluster.observe(metadata.uid ?? '');
    const running = containers.filter(({ state }) => state === 'CONTAINER_RUNNING');
    t.equal(running.length, 1, 'its container runs once');
    t.equal(sandboxes.filter(({ state }) => state === 'SANDBOX_READY').length, 1, 'in one sandbox');
  }
  await cluster.removePods();
  await cluster.untilClean([...created.values()]);
  await cluster.untilNoNetworkLeaks();
  t.strictSame(await cluster.allLeftovers(), [], 'nothing is left on the node');
});

/** As a supervisor that starts it again at once. */
async function killUntil(endAtMs: number): Promise<number> {
  let kills = 0;
  while (performance.now() < endAtMs) {
    await cluster.startAgent();
    // Further each time, from its first imports to pods at work.
    await pause(KILL_STEP_MS + (kills % 10) * KILL_STEP_MS);
    assert.ok(await cluster.node.agent.isRunning(), 'the agent has not ended by itself');
    await cluster.killAgent();
    kills += 1;
  }
  return kills;
}
