// A list that comes back without pods that run never ends them by itself; two looks that agree do.

import t from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { statusFailure } from '../support/api-proxy.ts';
import type { ProxiedCall } from '../support/http2-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { FaultCluster, pause, restartCounts } from './fault-cluster.ts';

t.setTimeout(240_000);

const cluster = await FaultCluster.start({
  name: process.env['NODELET_TEST_SANDBOX'] ?? 'faults',
  hasApiProxy: true,
});
t.teardown(async () => await cluster.stop());
await cluster.removePods();

const names = ['kept-1', 'kept-2', 'kept-3'];
// Longer than an agent needs for what it would do wrong.
const WRONGDOING_MS = 4000;

await cluster.startReadyAgent();
for (const name of names) await cluster.createPod(name);
for (const name of names) await cluster.untilRunning(name);
const before = await containerIDs();

await t.test('an empty list right after a restart is not believed', async t => {
  await cluster.killAgent();
  // The server's own answer to a question of which nothing fits, as a cache that has yet to fill would give it.
  cluster.api.redirectWatch(isPodsPath, askForNobody);
  const secondLook = cluster.api.faults.after(isPodsList);
  await cluster.startAgent();
  await secondLook.reached;
  secondLook.release();
  await pause(WRONGDOING_MS);
  t.strictSame(await containerIDs(), before, 'the same containers run');
  t.strictSame((await pods()).flatMap(restartCounts), [0, 0, 0]);
});

await t.test('an empty list and a server that then fails end nothing', async t => {
  await cluster.killAgent();
  cluster.api.redirectWatch(isPodsPath, askForNobody);
  const failures = 3;
  cluster.api.faults.answer(
    isPodsList,
    statusFailure(503, 'ServiceUnavailable', 'etcd has no leader'),
    failures,
  );
  const answered = cluster.api.faults.after(isPodsList);
  await cluster.startAgent();
  await answered.reached;
  answered.release();
  await pause(WRONGDOING_MS);
  t.strictSame(await containerIDs(), before, 'the same containers run');
});

await t.test('a watch that lists anew and shows nothing is not believed either', async t => {
  cluster.api.redirectWatch(path => isPodsPath(path) && path.includes('sendInitialEvents'), askForNobody);
  await cluster.killAgent();
  await cluster.startAgent();
  await pause(WRONGDOING_MS);
  t.strictSame(await containerIDs(), before, 'the same containers run');
});

await t.test(
  'an agent without API server starts nothing and ends nothing, and adopts when it is there',
  async t => {
    await cluster.killAgent();
    await cluster.sandbox.controlPlane.stop('kube-apiserver');
    const offset = (await cluster.node.agent.readLog()).length;
    await cluster.startAgent();
    await pause(WRONGDOING_MS);
    t.ok(await cluster.node.agent.isRunning(), 'it waits');
    const { signal } = new AbortController();
    await cluster.sandbox.controlPlane.start('kube-apiserver', { signal });
    await cluster.sandbox.controlPlane.waitReady({ signal });
    await cluster.startReadyAgent();
    await waitFor(
      'the agent is at work',
      async () => (await cluster.logLines('node is ready', offset)).length > 0,
      { deadlineMs: 60_000 },
    );
    t.strictSame(await containerIDs(), before, 'the same containers run');
  },
);

await t.test('pods that are gone by two looks are ended', async () => {
  await cluster.startReadyAgent();
  await cluster.killAgent();
  const uids = (await pods()).map(({ metadata }) => metadata.uid ?? '');
  for (const name of names) await cluster.deletePod(name, 0);
  for (const name of names) await cluster.untilGone(name);
  await cluster.startAgent();
  await cluster.untilClean(uids);
});

async function pods(): Promise<readonly Pod[]> {
  return (await cluster.listPods()).filter(({ metadata }) => names.includes(metadata.name));
}

/** Of the containers that run, by what the runtime says. */
async function containerIDs(): Promise<readonly string[]> {
  const observed = await Promise.all(
    (await pods()).map(async ({ metadata }) => await cluster.observe(metadata.uid ?? '')),
  );
  return observed
    .flatMap(({ containers }) => containers)
    .filter(({ state }) => state === 'CONTAINER_RUNNING')
    .map(({ id }) => id)
    .toSorted();
}

function isPodsPath(path: string): boolean {
  return path.startsWith('/api/v1/pods?');
}

function isPodsList({ method, path }: ProxiedCall): boolean {
  return method === 'GET' && isPodsPath(path);
}

function askForNobody(path: string): string {
  return path.replace(/(fieldSelector=[^&]*)/, '$1%2Cmetadata.name%3Dnobody');
}
