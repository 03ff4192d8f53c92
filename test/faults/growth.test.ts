// Pods come and go in rounds; what the agent holds afterwards does not grow with them.

import { strict as assert } from 'node:assert';
import { readdir, readFile } from 'node:fs/promises';
import t from 'tap';
import { FaultCluster, pause } from './fault-cluster.ts';

t.setTimeout(240_000);

const ROUNDS = 5;
const PODS = 15;
// The first rounds fill caches, pools and the compiler's.
const WARM_UP_ROUNDS = 2;
// As systemd/nodelet.service has it. Without a small young generation the heap's size tells of habits, not of needs.
const NODE_OPTIONS = '--max-old-space-size=384 --max-semi-space-size=1';
const GROWTH_MAX_BYTES = 15 * 2 ** 20;
const SETTLE_MS = 3000;

const cluster = await FaultCluster.start({ name: process.env['NODELET_TEST_SANDBOX'] ?? 'faults' });
t.teardown(async () => await cluster.stop());
await cluster.removePods();

interface Holdings {
  readonly memoryBytes: number;
  readonly descriptors: number;
  readonly threads: number;
}

await t.test('an agent holds after many pods what it held after some', async t => {
  await cluster.startReadyAgent({ env: { NODE_OPTIONS } });
  const seen: Holdings[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const names = Array.from({ length: PODS }, (_, index) => `round-${round}-${index}`);
    const pods = await Promise.all(names.map(async name => await cluster.createPod(name)));
    for (const name of names) await cluster.untilRunning(name);
    await Promise.all(names.map(async name => await cluster.deletePod(name)));
    for (const name of names) await cluster.untilGone(name);
    await cluster.untilClean(pods.map(({ metadata }) => metadata.uid ?? ''));
    await pause(SETTLE_MS);
    seen.push(await measure());
    t.comment(JSON.stringify(seen.at(-1)));
  }
  const [base, last] = [seen[WARM_UP_ROUNDS - 1], seen.at(-1)];
  assert.ok(base && last);
  t.ok(last.memoryBytes - base.memoryBytes < GROWTH_MAX_BYTES, 'memory');
  t.ok(last.descriptors <= base.descriptors + 2, 'file descriptors');
  t.ok(last.threads <= base.threads, 'threads');
  await cluster.untilNoNetworkLeaks();
  t.strictSame(await cluster.allLeftovers(), [], 'nothing is left on the node');
});

async function measure(): Promise<Holdings> {
  const pid = await cluster.node.agent.findPid();
  assert.ok(pid !== undefined, 'the agent runs');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    memoryBytes: field('VmRSS') * 1024,
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
    threads: field('Threads'),
  };
}
