import t from 'tap';
import type { PodSpec } from '../api/objects.ts';
import { findStorageExcess, hasStorageLimits } from './plan-storage-limits.ts';

const limit = (amount: string) => ({ resources: { limits: { 'ephemeral-storage': amount } } });
const MI = 2 ** 20;

t.test('findStorageExcess()', async t => {
  const spec: PodSpec = {
    containers: [
      { name: 'one', image: 'x', ...limit('10Mi') },
      { name: 'two', image: 'x', ...limit('20Mi') },
    ],
    initContainers: [{ name: 'first', image: 'x', ...limit('5Mi') }],
    volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '1Gi' } }],
  };
  const calm = {
    emptyDirs: new Map([['scratch', 5]]),
    containers: new Map([['one', 10 * MI]]),
    podBytes: 30 * MI,
  };
  const table: readonly [string, object, string | undefined][] = [
    ['within its limits', {}, undefined],
    [
      'a volume',
      { emptyDirs: new Map([['scratch', 2 ** 30 + 1]]) },
      'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". ',
    ],
    [
      'the whole pod',
      { podBytes: 30 * MI + 1 },
      'Pod ephemeral local storage usage exceeds the total limit of containers 30Mi. ',
    ],
    [
      'a container',
      { containers: new Map([['one', 10 * MI + 1]]) },
      'Container one exceeded its local ephemeral storage limit "10Mi". ',
    ],
    ['one without a limit', { containers: new Map([['first', 99 * MI]]) }, undefined],
  ];
  for (const [name, change, expected] of table)
    t.equal(findStorageExcess(spec, { ...calm, ...change }), expected, name);
});

t.test('hasStorageLimits() looks at containers and at volumes', async t => {
  const containers = [{ name: 'one', image: 'x' }];
  t.notOk(hasStorageLimits({ containers, volumes: [{ name: 'v', emptyDir: {} }] }));
  t.ok(hasStorageLimits({ containers, volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }] }));
  t.ok(hasStorageLimits({ containers: [{ name: 'one', image: 'x', ...limit('1Mi') }] }));
});

t.test('a large init container raises the limit of the pod', async t => {
  const spec = {
    containers: [{ name: 'one', image: 'x' }],
    initContainers: [{ name: 'first', image: 'x', ...limit('5Mi') }],
  };
  const usage = { emptyDirs: new Map(), containers: new Map(), podBytes: 5 * MI + 1 };
  t.match(findStorageExcess(spec, usage), /total limit of containers 5Mi/);
});
