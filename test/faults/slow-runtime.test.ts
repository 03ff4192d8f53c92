// A runtime that hangs in one call, answers slowly, or stands still: the other pods go on, the node says what is wrong.

import t from 'tap';
import { isCall } from '../support/cri-proxy.ts';
import type { FaultPoint } from '../support/fault-points.ts';
import { FaultCluster, isRunning, pause, readyOf, restartCounts } from './fault-cluster.ts';

t.setTimeout(240_000);

const cluster = await FaultCluster.start({
  name: process.env['NODELET_TEST_SANDBOX'] ?? 'faults',
  config: { runtimeRequestTimeout: '30s' },
});
t.teardown(async () => await cluster.stop());
await cluster.removePods();

// What the agent waits before it names a call, half the request timeout, and its next look at the runtime.
const HUNG_AFTER_MS = 15_000;
const LOOK_MS = 10_000;
// More than any bound on calls that run at the same time.
const HUNG_PODS = 5;
const STANDSTILL_MS = 20_000;

await t.test('hung calls stall their own pods, and the node names them', async t => {
  await cluster.startReadyAgent();
  const hung: FaultPoint<unknown>[] = [];
  t.teardown(() => hung.forEach(point => point.release()));
  for (let i = 0; i < HUNG_PODS; i += 1) {
    const point = cluster.cri.faults.before(isCall('RunPodSandbox'));
    await cluster.createPod(`hung-${i}`);
    await point.reached;
    hung.push(point);
  }
  const startedAtMs = performance.now();
  await cluster.createPod('free');
  await cluster.untilPod('free', 'Running beside hung calls', isRunning, 20_000);
  await cluster.deletePod('free');
  await cluster.untilGone('free');

  const text = 'container runtime call RunPodSandbox for default/hung-0 does not return';
  const says = (node: Parameters<typeof readyOf>[0]): boolean =>
    readyOf(node)?.message?.includes(text) ?? false;
  await cluster.untilNode('names the hung call', says, HUNG_AFTER_MS + LOOK_MS);
  t.ok(performance.now() - startedAtMs > HUNG_AFTER_MS / 2, 'not before its time');

  for (const point of hung) point.release();
  await cluster.untilNode('Ready again', node => readyOf(node)?.status === 'True', LOOK_MS);
  for (let i = 0; i < HUNG_PODS; i += 1) {
    const pod = await cluster.untilRunning(`hung-${i}`);
    t.strictSame(restartCounts(pod), [0]);
  }
  await cluster.removePods();
});

await t.test('a pod that cannot be read keeps no other from being adopted', async t => {
  await cluster.startReadyAgent();
  const unread = await cluster.createPod('unread');
  await cluster.createPod('read');
  const before = [await cluster.untilRunning('unread'), await cluster.untilRunning('read')];
  await cluster.killAgent();
  const point = cluster.cri.faults.before(isCall('PodSandboxStatus', unread.metadata.uid));
  await cluster.startAgent();
  await point.reached;
  await cluster.createPod('new');
  await cluster.untilPod('new', 'Running beside a pod that cannot be read', isRunning, 15_000);
  await cluster.deletePod('read');
  await cluster.untilGone('read');
  t.equal((await cluster.observe(unread.metadata.uid ?? '')).containers.length, 1, 'it is left alone');
  point.release();
  const after = await cluster.untilRunning('unread');
  const id = (pod: typeof after): string | undefined => pod.status?.containerStatuses?.[0]?.containerID;
  t.equal(id(after), before[0] && id(before[0]), 'and runs on');
  await cluster.removePods();
});

await t.test('a runtime that takes half a second for everything makes pods slow, no more', async t => {
  await cluster.startReadyAgent();
  cluster.cri.faults.delay(() => true, 500);
  await cluster.createPod('slow');
  const pod = await cluster.untilRunning('slow');
  t.strictSame(restartCounts(pod), [0]);
  t.equal(readyOf(await cluster.getNode())?.status, 'True');
  await cluster.deletePod('slow');
  await cluster.untilGone('slow');
  await cluster.untilClean([pod.metadata.uid ?? '']);
  cluster.cri.faults.clear();
});

await t.test('a runtime that stands still for 20 s restarts nothing', async t => {
  await cluster.startReadyAgent();
  await cluster.createPod('still');
  const before = await cluster.untilRunning('still');
  await cluster.signalRuntime('SIGSTOP');
  await pause(STANDSTILL_MS);
  await cluster.signalRuntime('SIGCONT');
  await cluster.untilNode('Ready', node => readyOf(node)?.status === 'True');
  const after = await cluster.untilRunning('still');
  t.equal(
    after.status?.containerStatuses?.[0]?.containerID,
    before.status?.containerStatuses?.[0]?.containerID,
  );
  t.strictSame(restartCounts(after), [0]);
  await cluster.createPod('after');
  await cluster.untilRunning('after');
  await cluster.removePods();
});
