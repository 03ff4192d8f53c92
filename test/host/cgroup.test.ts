import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import t from 'tap';
import { Cgroups, readCgroupLayout } from '../../agent/host/cgroup.ts';

const layout = await readCgroupLayout();
if (!layout) throw new Error('no cgroup file system is mounted');
const { signal } = new AbortController();
const root = `/nodelet-test-${process.pid}`;

/** On a hybrid machine both versions can be proved, each with the controllers it has. */
const variants = [
  new Cgroups(layout),
  ...(layout.mode === 'hybrid' ? [new Cgroups({ ...layout, mode: 'v2', controllers: new Map() })] : []),
];

for (const cgroups of variants) {
  t.test(`version ${cgroups.version}`, async t => {
    t.teardown(() => cgroups.remove(root, { signal }));
    const pod = `${root}/burstable/pod1`;

    await t.test('ensure() creates the cgroup with its parents, then leaves it', async t => {
      t.equal(await cgroups.exists(pod), false);
      t.equal((await cgroups.ensure(pod, {})).isCreated, true);
      t.equal(await cgroups.exists(pod), true);
      t.equal((await cgroups.ensure(pod, {})).isCreated, false);
      t.same(await cgroups.listChildren(`${root}/burstable`), ['pod1']);
    });

    await t.test('ensure() writes limits, or names the controllers that are missing', async t => {
      const pageBytes = 2 * 2 ** 20;
      const { missingControllers } = await cgroups.ensure(pod, {
        cpuShares: 512,
        cpuQuotaUs: 20_000,
        memoryLimitBytes: 64 * 2 ** 20,
        pidsMax: 100,
        hugepageLimitBytes: new Map([[pageBytes, pageBytes]]),
      });
      const files = [
        ['cpu', 'cpu.shares', '512'],
        ['cpu', 'cpu.cfs_quota_us', '20000'],
        ['memory', 'memory.limit_in_bytes', `${64 * 2 ** 20}`],
        ['cpu', 'cpu.max', '20000 100000'],
        ['memory', 'memory.max', `${64 * 2 ** 20}`],
        ['pids', 'pids.max', '100'],
        ['hugetlb', 'hugetlb.2MB.max', `${pageBytes}`],
        ['hugetlb', 'hugetlb.2MB.limit_in_bytes', `${pageBytes}`],
      ] as const;
      let checked = 0;
      for (const [controller, file, value] of files) {
        if (missingControllers.includes(controller)) continue;
        const text = await readFile(`${cgroups.directory(pod, controller)}/${file}`, 'utf8').catch(
          () => undefined,
        );
        if (text === undefined) continue; // the other version's file
        t.equal(text.trim(), value, file);
        checked++;
      }
      t.ok(checked > 0, `missing here: ${missingControllers.join(' ')}`);
    });

    await t.test('remove() kills what runs inside, at any depth', async t => {
      const inner = `${pod}/container`;
      await cgroups.ensure(inner, {});
      const child = spawn('sleep', ['1000']);
      const exited = once(child, 'exit');
      await writeFile(`${cgroups.directory(inner, 'pids') ?? ''}/cgroup.procs`, `${child.pid}`);
      t.same(await cgroups.listPids(pod), [child.pid]);
      await cgroups.remove(pod, { signal });
      t.same((await exited)[1], 'SIGKILL');
      t.equal(await cgroups.exists(pod), false);
      await cgroups.remove(pod, { signal });
    });

    await t.test('the machine’s own cgroups are refused', async t => {
      for (const path of ['/', '', 'kubepods', '/a/../b', '//']) {
        await t.rejects(cgroups.remove(path, { signal }), /not a cgroup path/);
      }
    });

    await t.test('creating and removing are quick', async t => {
      const rounds = 50;
      const startedAt = performance.now();
      for (let round = 0; round < rounds; round++)
        await cgroups.ensure(`${root}/p${round}`, { cpuShares: 2 });
      const createdAt = performance.now();
      for (let round = 0; round < rounds; round++) await cgroups.remove(`${root}/p${round}`, { signal });
      const ms = [createdAt - startedAt, performance.now() - createdAt].map(total =>
        (total / rounds).toFixed(2),
      );
      t.comment(`create ${ms[0]} ms, remove ${ms[1]} ms`);
    });
  });
}

t.test(
  'remove() also takes what a runtime made beside version 1',
  { skip: layout.mode !== 'hybrid' },
  async t => {
    const cgroups = new Cgroups(layout);
    const pod = `${root}/pod2`;
    const beside = `${layout.unified?.directory}${pod}`;
    t.teardown(() => cgroups.remove(root, { signal }));
    await cgroups.ensure(pod, {});
    await mkdir(`${beside}/container`, { recursive: true });
    await cgroups.remove(pod, { signal });
    await t.rejects(stat(beside), { code: 'ENOENT' });
  },
);
