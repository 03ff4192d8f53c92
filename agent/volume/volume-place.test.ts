import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Volume } from '../api/objects.ts';
import { isIntact } from './volume-place.ts';

t.test('isIntact() misses what was unmounted or removed, and looks at nothing else', async t => {
  const rootDir = t.testdir();
  const volumes = join(rootDir, 'pods/uid/volumes');
  const path = (plugin: string): string => join(volumes, `kubernetes.io~${plugin}`, 'v');
  await mkdir(path('configmap'), { recursive: true });
  await mkdir(path('secret'), { recursive: true });
  await mkdir(path('empty-dir'), { recursive: true });
  const inMemory = { name: 'v', emptyDir: { medium: 'Memory' } };
  const onDisk = { name: 'v', emptyDir: {} };
  const table: readonly [string, Volume, string, readonly string[], boolean][] = [
    ['a directory that is there', { name: 'v' }, path('configmap'), [], true],
    ['one that is gone', { name: 'v' }, path('projected'), [], false],
    ['a mount', { name: 'v' }, path('secret'), [path('secret')], true],
    ['only the directory of a mount', { name: 'v' }, path('secret'), [], false],
    ['a mount that nobody can look at', { name: 'v' }, path('nfs'), [path('nfs')], true],
    ['an emptyDir on disk', onDisk, path('empty-dir'), [], true],
    ['an emptyDir that was in memory', inMemory, path('empty-dir'), [], false],
    ['a path of the host', { name: 'v' }, '/no/such/path', [], true],
  ];
  for (const [name, volume, hostPath, targets, expected] of table) {
    const isReadOnly = false;
    const prepared = {
      kind: 'mount',
      directoryName: 'v',
      hostPath,
      isReadOnly,
      needsSELinuxRelabel: false,
    } as const;
    const mounts = targets.map(target => ({ target }));
    t.equal(await isIntact(volume, prepared, { rootDir, mounts }), expected, name);
  }
});
