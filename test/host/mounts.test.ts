import './private-namespaces.ts';
import { mkdir, mkdtemp, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { findMountOf, listMounts } from '../../agent/host/mount-info.ts';
import {
  ensureBindMount,
  ensureMount,
  ensureTmpfs,
  ensureUnmounted,
  ensureUnmountedBelow,
  isMountPoint,
  makeRShared,
} from '../../agent/host/mounts.ts';
import { isNetworkFileSystem, unmountNetworkFileSystem } from '../../agent/host/network-unmount.ts';
import { AlreadyExistsError, UnavailableError } from '../../agent/lib/errors.ts';

const base = await mkdtemp(join(tmpdir(), 'nodelet-mounts-'));
await ensureTmpfs(base, { mode: 0o755 });
t.teardown(async () => {
  await ensureUnmountedBelow(base, { isLazy: true });
  await rmdir(base);
});

async function mountOf(path: string) {
  return findMountOf(path, await listMounts());
}

t.test('ensureTmpfs() mounts once, with size and mode, out of swap where the kernel can', async t => {
  const target = join(base, 'tmpfs');
  for (let pass = 0; pass < 2; pass++) {
    const { isNoSwap } = await ensureTmpfs(target, { sizeBytes: 1 << 20, mode: 0o1777, isNoSwap: true });
    t.equal(isNoSwap, (await mountOf(target))?.superOptions.includes('noswap'));
  }
  t.equal((await stat(target)).mode & 0o7777, 0o1777);
  t.match((await mountOf(target))?.superOptions, { length: Number, 1: /^size=1024k$/ });
  await ensureUnmounted(target);
  t.equal(await isMountPoint(target), false, 'one unmount is enough: it was mounted once');
  await ensureUnmounted(target);
  await ensureUnmounted(join(base, 'never-there'));
});

t.test('ensureMount() refuses to hide another mount', async t => {
  const target = join(base, 'other');
  await ensureTmpfs(target, { mode: 0o755 });
  await t.rejects(ensureMount({ source: 'proc', target, fsType: 'proc' }), AlreadyExistsError);
  await t.rejects(ensureMount({ source: 'x', target: join(base, 'bad'), fsType: 'nosuchfs' }), {
    code: 'ENODEV',
    message: /mount nosuchfs on .*bad: No such device/,
  });
  await ensureUnmounted(target);
});

t.test('ensureUnmounted() names a busy mount', async t => {
  const target = join(base, 'busy');
  await ensureTmpfs(target, { mode: 0o755 });
  const before = process.cwd();
  process.chdir(target);
  await t.rejects(ensureUnmounted(target), { code: 'EBUSY', message: /unmount .*busy/ });
  await t.rejects(ensureUnmounted(target), UnavailableError);
  await ensureUnmounted(target, { isLazy: true });
  process.chdir(before);
  t.equal(await isMountPoint(target), false);
});

t.test('ensureBindMount() binds directories and files, read-only down to the mounts below', async t => {
  const source = join(base, 'source');
  const target = join(base, 'target');
  await mkdir(source);
  await ensureTmpfs(join(source, 'below'), { mode: 0o755 });
  for (let pass = 0; pass < 2; pass++) {
    await ensureBindMount({ source, target, isReadOnly: true, isRecursive: true });
  }
  await t.rejects(writeFile(join(target, 'file'), ''), { code: 'EROFS' });
  await t.rejects(writeFile(join(target, 'below/file'), ''), { code: 'EROFS' });
  await writeFile(join(source, 'file'), 'content');
  const file = join(base, 'files/bound');
  for (let pass = 0; pass < 2; pass++) {
    await ensureBindMount({ source: join(source, 'file'), target: file, isReadOnly: true });
  }
  t.equal(await readFile(file, 'utf8'), 'content');
  await t.rejects(ensureBindMount({ source: base, target }), AlreadyExistsError);
  await ensureUnmounted(file);
  await ensureUnmountedBelow(target);
  t.equal(await isMountPoint(join(target, 'below')), false);
});

t.test('makeRShared() makes a directory a shared mount, once', async t => {
  const directory = join(base, 'shared');
  await makeRShared(directory);
  const first = await mountOf(directory);
  t.match(first, { target: directory, propagation: [/^shared:/] });
  await makeRShared(directory);
  t.equal((await mountOf(directory))?.mountId, first?.mountId);
});

t.test('a mount and its unmount take well under a millisecond', async t => {
  const target = join(base, 'timed');
  const rounds = 200;
  const startedAt = performance.now();
  for (let round = 0; round < rounds; round++) {
    await ensureTmpfs(target, { sizeBytes: 1 << 20, mode: 0o755 });
    await ensureUnmounted(target);
  }
  const eachMs = (performance.now() - startedAt) / rounds;
  t.comment(`${eachMs.toFixed(3)} ms per mount and unmount`);
  t.ok(eachMs < 20, 'far from the cost of a child process');
});

t.test("unmountNetworkFileSystem() does it by the system's program, and names what is busy", async t => {
  const target = join(base, 'remote');
  const { signal } = new AbortController();
  await ensureTmpfs(target, { mode: 0o755 });
  const before = process.cwd();
  process.chdir(target);
  await t.rejects(unmountNetworkFileSystem(target, { signal }), { code: 'EBUSY', message: /remote.*busy/ });
  process.chdir(before);
  await unmountNetworkFileSystem(target, { signal });
  t.notOk(await isMountPoint(target));
  t.ok(isNetworkFileSystem('nfs4'));
  t.notOk(isNetworkFileSystem('tmpfs'));
});
