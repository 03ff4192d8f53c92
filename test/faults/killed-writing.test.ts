// The agent is killed before, during and after each of its writes about a pod, and started again.

import { strict as assert } from 'node:assert';
import t, { type Test } from 'tap';
import type { ProxiedCall } from '../support/http2-proxy.ts';
import { FaultCluster, restartCounts } from './fault-cluster.ts';

t.setTimeout(240_000);

const cluster = await FaultCluster.start({
  name: process.env['NODELET_TEST_SANDBOX'] ?? 'faults',
  hasApiProxy: true,
});
t.teardown(async () => await cluster.stop());
await cluster.removePods();

const PLACES = ['before', 'during', 'after'] as const;
type Place = (typeof PLACES)[number];
let serial = 0;

for (const place of PLACES) {
  await t.test(`killed ${place} the status that says Running, the agent says it again`, async t => {
    const { name, podUID } = await killAtWrite(place, isStatusWith('Running'));
    const pod = await cluster.untilRunning(name);
    t.strictSame(restartCounts(pod), [0]);
    const { containers, sandboxes } = await cluster.observe(podUID);
    t.equal(containers.length, 1);
    t.equal(sandboxes.length, 1);
    await remove(name, podUID);
  });

  await t.test(
    `killed ${place} the last status of a deleted pod, the agent finishes the deletion`,
    async t => {
      await finishesDeletion(t, place, isStatusWith('Succeeded'));
    },
  );

  await t.test(`killed ${place} the deletion of the object, the agent finishes it`, async t => {
    await finishesDeletion(t, place, isObjectDeletion);
  });
}

async function finishesDeletion(
  t: Test,
  place: Place,
  isMatch: (call: ProxiedCall) => boolean,
): Promise<void> {
  await cluster.startReadyAgent();
  const name = `writing-${++serial}`;
  const pod = await cluster.createPod(name);
  await cluster.untilRunning(name);
  const point = cluster.api.faults[place](isMatch);
  await cluster.deletePod(name);
  await point.reached;
  await kill();
  await cluster.startAgent();
  await cluster.untilGone(name);
  await cluster.untilClean([pod.metadata.uid ?? '']);
  t.pass('the object is gone and nothing is left');
}

async function killAtWrite(
  place: Place,
  isMatch: (call: ProxiedCall) => boolean,
): Promise<{ name: string; podUID: string }> {
  await cluster.startReadyAgent();
  const name = `writing-${++serial}`;
  const point = cluster.api.faults[place](isMatch);
  const pod = await cluster.createPod(name);
  await point.reached;
  await kill();
  await cluster.startAgent();
  return { name, podUID: pod.metadata.uid ?? '' };
}

async function kill(): Promise<void> {
  const pid = await cluster.node.agent.findPid();
  assert.ok(pid !== undefined, 'the agent runs');
  process.kill(pid, 'SIGKILL');
  await cluster.killAgent(); // waits for its end
  cluster.api.faults.clear();
}

async function remove(name: string, podUID: string): Promise<void> {
  await cluster.deletePod(name);
  await cluster.untilGone(name);
  await cluster.untilClean([podUID]);
}

function isStatusWith(phase: string): (call: ProxiedCall) => boolean {
  return ({ method, path, body }) =>
    method === 'PATCH' && path.includes('/pods/writing-') && body.includes(`"phase":"${phase}"`);
}

function isObjectDeletion({ method, path }: ProxiedCall): boolean {
  return method === 'DELETE' && path.includes('/pods/writing-');
}
