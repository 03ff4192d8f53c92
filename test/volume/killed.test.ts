// The agent is killed at any moment of set-up and teardown: the next one finishes either.
import '../host/private-namespaces.ts';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { listMounts } from '../../agent/host/mount-info.ts';
import { ensureUnmounted } from '../../agent/host/mounts.ts';
import { restorePublished, writePayload } from '../../agent/volume/atomic-writer.ts';
import { apiAccess, hostPathOf, NODE, never, VolumeCluster } from './cluster.ts';

const ROUNDS = 14;
const PODS = 3;
const CUTS = 4;
const LOOP = fileURLToPath(new URL('./agent-loop.ts', import.meta.url));

spawnSync('ip', ['link', 'set', 'lo', 'up']);
const cluster = await VolumeCluster.start();
t.teardown(() => cluster.stop());

const volumes = [
  apiAccess(),
  { name: 'config', configMap: { name: 'config', defaultMode: 420 } },
  { name: 'creds', secret: { secretName: 'creds', defaultMode: 256 } },
  { name: 'scratch', emptyDir: {} },
  { name: 'shm', emptyDir: { medium: 'Memory' } },
];

async function startLoop(podsPath: string): Promise<ChildProcess> {
  const kubeconfig = join(cluster.server.directory, 'node-kubeconfig');
  const child = spawn(process.execPath, [LOOP, kubeconfig, cluster.rootDir, podsPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function mountsOf(pod: Pod): Promise<string[]> {
  const podDir = join(cluster.rootDir, 'pods', pod.metadata.uid ?? '');
  return (await listMounts()).map(({ target }) => target).filter(target => target.startsWith(`${podDir}/`));
}

await t.test(`killed ${ROUNDS} times on node ${NODE}`, async t => {
  await cluster.put('configmaps', 'config', { kind: 'ConfigMap', data: { a: '1', b: '2' } });
  await cluster.put('secrets', 'creds', { kind: 'Secret', stringData: { key: 'x' } });
  const securityContext = { fsGroup: 3000 };
  const pods = await Promise.all(
    Array.from({ length: PODS }, (_, index) => cluster.pod(`killed-${index}`, volumes, { securityContext })),
  );
  const podsPath = join(cluster.server.directory, 'pods.json');
  await writeFile(podsPath, JSON.stringify(pods));
  for (let round = 0; round < ROUNDS; round++) {
    const child = await startLoop(podsPath);
    await delay(Math.random() * 150);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const agent = await cluster.startManager();
    for (const pod of pods) {
      if (round % 2 === 0) {
        const outcome = await agent.ensure(pod);
        const path = (name: string): string => hostPathOf(outcome, name);
        const names = (await readdir(path('config'))).filter(name => !name.startsWith('..'));
        t.same(names.sort(), ['a', 'b']);
        t.equal((await readdir(path('config'))).length, 4, 'one generation');
        t.equal(await readFile(join(path('creds'), 'key'), 'utf8'), 'x');
        t.match(await stat(join(path('creds'), 'key')), { gid: 3000 });
        t.match(await stat(path('scratch')), { gid: 3000, mode: 0o42777 });
        t.match(await stat(path('shm')), { gid: 3000, mode: 0o43777 });
        t.equal((await mountsOf(pod)).length, 3, 'each tmpfs once');
      }
      await agent.manager.teardownVolumes(pod.metadata.uid ?? '', { signal: never, isOrphan: false });
      t.same(await mountsOf(pod), []);
      t.same(await readdir(join(cluster.rootDir, 'pods', pod.metadata.uid ?? '')), []);
    }
    await agent.stop();
  }
});

// A copy of the disk taken while the file system on it is in use is what a power cut leaves: all that has reached it.
await t.test('the power is cut while a volume on disk is written', async t => {
  const directory = join(cluster.rootDir, '..');
  const [image, copy] = [join(directory, 'disk'), join(directory, 'disk-after')];
  const [before, after] = [join(directory, 'before'), join(directory, 'after')];
  const textOf = (value: number): Buffer => Buffer.from(`${value}`.padEnd(6000, 'x'));
  await writeFile(image, '');
  await truncate(image, 32 << 20);
  spawnSync('mkfs.ext4', ['-F', '-q', image]);
  await mkdir(before);
  await mkdir(after);
  if (spawnSync('mount', ['-o', 'loop,commit=1', image, before]).status !== 0) {
    t.comment('no loop device here');
    return;
  }
  t.teardown(() => ensureUnmounted(before));
  const volume = join(before, 'volume');
  await mkdir(volume);
  const seen = { whole: 0, torn: 0 };
  for (let round = 0; round < CUTS; round++) {
    const startedMs = performance.now();
    const writesMs = Math.random() * 1500; // names reach the disk every second, data later
    for (let value = 0; performance.now() - startedMs < writesMs; value++) {
      const files = ['a', 'b'].map(name => [name, { content: textOf(value), mode: 0o644 }] as const);
      await writePayload(volume, new Map(files), { nowMs: Date.now(), isOnDisk: true });
    }
    const isSettled = round % 2 === 1;
    if (isSettled) spawnSync('sync', ['--file-system', volume]);
    await copyFile(image, copy);
    t.equal(spawnSync('mount', ['-o', 'loop', copy, after]).status, 0);
    const found = join(after, 'volume');
    // A power cut before the very first name reached the disk leaves no volume at all.
    if (await restorePublished(found).catch(() => false)) {
      const [a, b] = await Promise.all(['a', 'b'].map(name => readFile(join(found, name), 'utf8')));
      t.equal(a, b, 'one generation');
      t.equal(a?.length, 6000, 'with its data');
      seen.whole++;
    } else {
      t.notOk(isSettled, 'what had reached the disk is taken as whole');
      seen.torn++;
    }
    await ensureUnmounted(after);
  }
  t.comment(`after ${CUTS} power cuts: ${seen.whole} times whole, ${seen.torn} times known to be torn`);
});
