import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t from 'tap';
import { tearDownVolumes } from './tear-down.ts';

const signal = new AbortController().signal;
const POD = 'pods/uid-1';

async function put(path: string, text = 'x'): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

t.test('removes what the volumes left and nothing else', async t => {
  const root = t.testdir({ outside: { data: 'kept' } });
  const pod = join(root, POD);
  await put(join(pod, 'volumes/kubernetes.io~empty-dir/v/deep/er/file'));
  await symlink(join(root, 'outside'), join(pod, 'volumes/kubernetes.io~empty-dir/v/link'));
  await put(join(pod, 'volumes/kubernetes.io~configmap/c/..2026_01_01_00_00_00.a/key'));
  await mkdir(join(pod, 'volumes/kubernetes.io~csi/empty'), { recursive: true });
  await put(join(pod, 'plugins/kubernetes.io~empty-dir/v/ready'));
  await put(join(pod, 'volume-subpaths/v/main/0'), '');
  await mkdir(join(pod, 'volume-subpaths/v/main/1'));
  await put(join(pod, 'etc-hosts'), 'hosts');
  await tearDownVolumes(root, 'uid-1', { signal, isOrphan: false });
  t.same(await readdir(pod), ['etc-hosts']);
  t.equal(await readFile(join(root, 'outside/data'), 'utf8'), 'kept');
  await tearDownVolumes(root, 'uid-1', { signal, isOrphan: false });
  await tearDownVolumes(root, 'never-seen', { signal, isOrphan: false });
});

t.test('data of a kind we did not set up is left alone and named', async t => {
  const root = t.testdir();
  const precious = join(root, POD, 'volumes/kubernetes.io~nfs/pv-1/precious');
  await put(precious, 'kept');
  await put(join(root, POD, 'volumes/kubernetes.io~empty-dir/v/file'));
  await t.rejects(tearDownVolumes(root, 'uid-1', { signal, isOrphan: false }), {
    name: 'UnavailableError',
    message: /pv-1 still holds data/,
  });
  t.equal(await readFile(precious, 'utf8'), 'kept');
  t.notOk((await readdir(join(root, POD, 'volumes'))).includes('v'), 'the other volumes are gone');
});

t.test('many files', async t => {
  const root = t.testdir();
  const volume = join(root, POD, 'volumes/kubernetes.io~empty-dir/v');
  await mkdir(volume, { recursive: true });
  await Promise.all(Array.from({ length: 500 }, (_, index) => writeFile(join(volume, `${index}`), '')));
  await tearDownVolumes(root, 'uid-1', { signal, isOrphan: false });
  t.same(await readdir(join(root, POD)), []);
});
