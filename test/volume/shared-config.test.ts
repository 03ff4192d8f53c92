// Fifty pods on one ConfigMap: every update reaches every file soon, and no reader meets a mix of two updates.
import '../host/private-namespaces.ts';
import { spawnSync } from 'node:child_process';
import { watch } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import t from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { waitFor } from '../support/wait-for.ts';
import { apiAccess, hostPathOf, never, VolumeCluster } from './cluster.ts';
import { percentile } from './percentile.ts';

const PODS = 50;
const UPDATES = 30;
const PAUSE_MS = 150;
const KEYS = ['a', 'b', 'c'];

spawnSync('ip', ['link', 'set', 'lo', 'up']);
const cluster = await VolumeCluster.start();
t.teardown(() => cluster.stop());

function dataOf(value: number): Record<string, string> {
  return Object.fromEntries(KEYS.map(key => [key, `${value}:`.padEnd(1000, key)]));
}

async function readGeneration(path: string): Promise<number | undefined> {
  const generation = join(path, await readlink(join(path, '..data')));
  try {
    const texts = await Promise.all(KEYS.map(key => readFile(join(generation, key), 'utf8')));
    const values = new Set(texts.map(text => text.split(':', 1)[0]));
    if (values.size !== 1 || texts.some(text => text.length !== 1000))
      throw new Error(`a mix: ${[...values].join()}`);
    return Number([...values][0]);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('ENOENT')) return undefined; // replaced while we read
    throw error;
  }
}

await t.test('a burst of pods, each with a token and a Secret of its own', async t => {
  const warnings: string[] = [];
  const logger = pino({ level: 'warn' }, { write: line => warnings.push(line) });
  const agent = await cluster.startManager({ logger });
  await Promise.all(
    Array.from({ length: PODS }, (_, index) =>
      cluster.put('secrets', `own-${index}`, { kind: 'Secret', stringData: { key: 'x' } }),
    ),
  );
  const samples: number[] = [];
  const pods = await Promise.all(
    Array.from({ length: PODS }, async (_, index): Promise<Pod> => {
      const own = { name: 'own', secret: { secretName: `own-${index}`, defaultMode: 420 } };
      const pod = await cluster.pod(`burst-${index}`, [apiAccess(), own]);
      const startedMs = performance.now();
      t.match(await agent.ensure(pod), { kind: 'ready' });
      samples.push(performance.now() - startedMs);
      return pod;
    }),
  );
  t.comment(
    `volumes of ${PODS} pods at once: p50 ${percentile(samples, 0.5).toFixed(0)} ms, max ${Math.max(...samples).toFixed(0)} ms`,
  );
  t.comment(`${warnings.length} warnings${warnings[0] ? `, first ${warnings[0]}` : ''}`);
  const startedMs = performance.now();
  await Promise.all(
    pods.map(({ metadata: { uid = '' } }) =>
      agent.manager.teardownVolumes(uid, { signal: never, isOrphan: false }),
    ),
  );
  t.comment(`torn down in ${(performance.now() - startedMs).toFixed(0)} ms`);
  for (const {
    metadata: { uid = '' },
  } of pods)
    agent.manager.release(uid);
  await agent.stop();
});

await t.test('updates of a shared ConfigMap', async t => {
  const agent = await cluster.startManager();
  await cluster.put('configmaps', 'shared', { kind: 'ConfigMap', data: dataOf(0) });
  const volume = { name: 'shared', configMap: { name: 'shared', defaultMode: 420 } };
  const paths = await Promise.all(
    Array.from({ length: PODS }, async (_, index) => {
      const outcome = await agent.ensure(await cluster.pod(`shared-${index}`, [volume]));
      return hostPathOf(outcome, 'shared');
    }),
  );
  const startedMs = new Map<number, number>();
  const arrivals: number[] = [];
  const watchers = paths.map(path =>
    watch(path, (_, name) => {
      if (name !== '..data') return;
      const nowMs = performance.now();
      void readGeneration(path).then(value => {
        const sinceMs = value === undefined ? undefined : startedMs.get(value);
        if (sinceMs !== undefined) arrivals.push(nowMs - sinceMs);
      });
    }),
  );
  let isDone = false;
  let reads = 0;
  const reader = (async () => {
    while (!isDone) {
      const path = paths[reads % PODS] ?? '';
      await readGeneration(path);
      reads += 1;
      await delay(1);
    }
  })();
  for (let value = 1; value <= UPDATES; value++) {
    startedMs.set(value, performance.now());
    await cluster.patch('configmaps', 'shared', { data: dataOf(value) });
    await delay(PAUSE_MS);
  }
  await waitFor('the last update everywhere', async () => {
    const values = await Promise.all(paths.map(readGeneration));
    return values.every(value => value === UPDATES);
  });
  isDone = true;
  await reader;
  for (const watcher of watchers) watcher.close();
  t.ok(reads > UPDATES, `${reads} reads without a mix`);
  t.ok(arrivals.length > (PODS * UPDATES) / 4, `${arrivals.length} of ${PODS * UPDATES} arrivals seen`);
  const [p50, p99] = [percentile(arrivals, 0.5), percentile(arrivals, 0.99)];
  t.comment(`PATCH sent to ..data switched: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`);
  t.ok(p50 <= 250); // the tail is hack/race's matter, on a quiet machine
  await agent.stop();
});
