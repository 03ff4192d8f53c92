// subPath on a real kernel, also while somebody swaps the path for a link out of the volume.
import '../host/private-namespaces.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ensureTmpfs, ensureUnmountedBelow, isMountPoint } from '../../agent/host/mounts.ts';
import { ensureSubPath, subPathProblem } from '../../agent/volume/sub-path.ts';
import { tearDownVolumes } from '../../agent/volume/tear-down.ts';

const base = await mkdtemp(join(tmpdir(), 'nodelet-subpath-'));
await ensureTmpfs(base, { mode: 0o755 });
t.teardown(async () => {
  await ensureUnmountedBelow(base, { isLazy: true });
  await rm(base, { recursive: true });
});

const podDir = join(base, 'pods/uid');
const volumePath = join(podDir, 'volumes/kubernetes.io~empty-dir/data');
const outside = join(base, 'host');
await mkdir(volumePath, { recursive: true });
await mkdir(join(outside, 'secret'), { recursive: true });
await writeFile(join(outside, 'secret/key'), 'of the host');

let count = 0;
async function subPath(path: string) {
  const target = join(podDir, 'volume-subpaths/data/main', String(count++));
  return { target, outcome: await ensureSubPath({ volumePath, subPath: path, target }) };
}

t.test('subPathProblem() refuses what cannot be below a volume', async t => {
  t.match(subPathProblem('/etc'), /must not be an absolute path/);
  t.match(subPathProblem('a/../../b'), /must not contain '..'/);
  t.equal(subPathProblem('..data/key'), undefined);
  t.equal(subPathProblem('a//./b'), undefined);
});

t.test('files, directories, and directories that are made', async t => {
  await chmod(volumePath, 0o2775);
  await writeFile(join(volumePath, 'file'), 'content');
  const file = await subPath('file');
  t.match(file.outcome, { kind: 'ready' });
  t.equal(await readFile(file.target, 'utf8'), 'content');
  const made = await subPath('new/./deep');
  t.match(made.outcome, { kind: 'ready' });
  t.ok(await isMountPoint(made.target));
  for (const path of ['new', 'new/deep']) {
    t.equal((await stat(join(volumePath, path))).mode & 0o7777, 0o2775, 'as open as the volume');
  }
  await writeFile(join(made.target, 'x'), 'through the mount');
  t.equal(await readFile(join(volumePath, 'new/deep/x'), 'utf8'), 'through the mount');
});

t.test('a second call keeps the mount, or follows what took its place', async t => {
  await writeFile(join(volumePath, 'swap'), 'one');
  const { target } = await subPath('swap');
  const again = (): Promise<unknown> => ensureSubPath({ volumePath, subPath: 'swap', target });
  t.match(await again(), { kind: 'ready' });
  await rm(join(volumePath, 'swap'));
  await mkdir(join(volumePath, 'swap'));
  await writeFile(join(volumePath, 'swap/two'), '');
  t.match(await again(), { kind: 'ready' });
  t.same(await readdir(target), ['two']);
});

t.test('links inside the volume lead on, links out of it do not', async t => {
  await mkdir(join(volumePath, '..2026'));
  await writeFile(join(volumePath, '..2026/key'), 'of the volume');
  await symlink('..2026', join(volumePath, '..data'));
  await symlink('..data/key', join(volumePath, 'key'));
  const inside = await subPath('key');
  t.match(inside.outcome, { kind: 'ready' });
  t.equal(await readFile(inside.target, 'utf8'), 'of the volume');

  await symlink('/', join(volumePath, 'absolute'));
  await symlink('../../../../../host', join(volumePath, 'relative'));
  await symlink(join(outside, 'not-there'), join(volumePath, 'dangling'));
  await symlink('loop', join(volumePath, 'loop'));
  for (const path of [
    'absolute',
    'absolute/etc',
    'relative/secret',
    'relative/new',
    'dangling',
    'dangling/x',
    'loop',
  ]) {
    t.match((await subPath(path)).outcome, { kind: 'failed' }, path);
  }
  t.same(await readdir(outside), ['secret'], 'nothing was made out there');
});

t.test('a path that is swapped all the time never shows the host', async t => {
  await mkdir(join(volumePath, 'a/secret'), { recursive: true });
  await writeFile(join(volumePath, 'a/secret/key'), 'of the volume');
  // At every moment `a` is a directory of the volume or a link to the host's, never nothing.
  await symlink('../../../../../host', join(volumePath, 'evil'));
  const program = join(import.meta.dirname, 'path-swapper.ts');
  const paths = [join(volumePath, 'a'), join(volumePath, 'evil')];
  const swapper = spawn(process.execPath, [program, ...paths], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => swapper.kill('SIGKILL'));
  await once(swapper.stdout, 'data');
  const seen = new Map<string, number>();
  const note = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);
  for (let round = 0; round < 400; round++) {
    const path = ['a/secret/key', 'a/secret', 'a/made/by/us'][round % 3] ?? '';
    const { target, outcome } = await subPath(path);
    if (outcome.kind === 'failed') note('refused');
    else if (path.endsWith('us')) note('made');
    else note(await readFile(path.endsWith('key') ? target : join(target, 'key'), 'utf8'));
  }
  swapper.kill('SIGKILL');
  t.comment(JSON.stringify(Object.fromEntries(seen)));
  t.equal(seen.get('of the host'), undefined);
  t.ok(seen.get('of the volume'), 'some came through');
  t.same(await readdir(outside), ['secret'], 'nothing was made out there');
});

t.test('teardown takes the mounts first and leaves the host alone', async t => {
  await tearDownVolumes(base, 'uid', { signal: new AbortController().signal, isOrphan: false });
  t.same(await readdir(podDir), []);
  t.equal(await readFile(join(outside, 'secret/key'), 'utf8'), 'of the host');
});
