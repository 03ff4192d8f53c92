import t from 'tap';
import type { Container, Pod, VolumeMount } from '../api/objects.ts';
import { nestedMountPoints, referencedObjects, tokensOf, usedVolumes } from './pod-references.ts';
import { parseVolumeSource } from './volume-source.ts';

function container(name: string, mounts: readonly VolumeMount[]): Container {
  return { name, image: 'i', volumeMounts: mounts };
}

const mount = (name: string, mountPath: string): VolumeMount => ({ name, mountPath });

const access = {
  name: 'kube-api-access-x',
  projected: {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
    ],
  },
};

const pod: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: {
    initContainers: [container('init', [mount('seed', '/seed')])],
    containers: [
      container('main', [mount('kube-api-access-x', '/var/run/secrets'), mount('creds', '/creds')]),
    ],
    ephemeralContainers: [container('debug', [mount('scratch', '/scratch')])],
    volumes: [
      access,
      { name: 'seed', configMap: { name: 'seed' } },
      { name: 'creds', secret: { secretName: 'creds' } },
      { name: 'scratch' },
      { name: 'unused', secret: { secretName: 'other' } },
    ],
  },
};

t.test('usedVolumes() leaves out what no container mounts', async t => {
  t.same(
    usedVolumes(pod).map(volume => volume.name),
    ['kube-api-access-x', 'seed', 'creds', 'scratch'],
  );
});

t.test('referencedObjects() names only what used volumes are made of', async t => {
  t.same(referencedObjects(pod), [
    { kind: 'configmaps', name: 'kube-root-ca.crt' },
    { kind: 'configmaps', name: 'seed' },
    { kind: 'secrets', name: 'creds' },
  ]);
});

t.test('referencedObjects() includes what environments are made of', async t => {
  const main: Container = {
    ...container('main', []),
    env: [
      { name: 'A', value: 'plain' },
      { name: 'B', valueFrom: { configMapKeyRef: { name: 'settings', key: 'b' } } },
      { name: 'C', valueFrom: { secretKeyRef: { name: 'keys', key: 'c' } } },
    ],
    envFrom: [{ configMapRef: { name: 'all' } }, { secretRef: { name: 'more' } }],
  };
  const names = referencedObjects({ ...pod, spec: { containers: [main] } });
  t.same(
    names.map(({ kind, name }) => `${kind}/${name}`),
    ['configmaps/settings', 'configmaps/all', 'secrets/keys', 'secrets/more'],
  );
});

t.test('tokensOf() finds the token of a projected volume', async t => {
  t.same(tokensOf(parseVolumeSource(access)), [{ path: 'token', expirationSeconds: 3607 }]);
});

t.test(
  'parseVolumeSource() names the kind it does not serve, and takes a bare volume as emptyDir',
  async t => {
    t.same(parseVolumeSource({ name: 'v', csi: { driver: 's' } }), { kind: 'unsupported', field: 'csi' });
    t.same(parseVolumeSource({ name: 'v', emptyDir: {}, nfs: null }), { kind: 'emptyDir', source: {} });
    t.same(parseVolumeSource({ name: 'v' }), { kind: 'emptyDir', source: {} });
  },
);

t.test('nestedMountPoints()', async t => {
  const rows: [string, readonly VolumeMount[], string[]][] = [
    ['none below', [mount('v', '/dir'), mount('w', '/dir2')], []],
    ['one below', [mount('v', '/dir'), mount('w', '/dir/nested')], ['nested']],
    [
      'only the uppermost of a nest',
      [mount('v', '/dir'), mount('w', '/dir/a'), mount('x', '/dir/a/b')],
      ['a'],
    ],
    [
      'neighbours with a common beginning',
      [mount('v', '/dir'), mount('w', '/dir/a'), mount('x', '/dir/a-b'), mount('y', '/dir/a.b/c')],
      ['a', 'a-b', 'a.b/c'],
    ],
    ['untidy paths', [mount('v', '/dir/'), mount('w', '//dir/./sub/../nested/')], ['nested']],
    ['dots never leave the volume', [mount('v', '/dir'), mount('w', '/dir/../../etc')], []],
    [
      'a subPath mount has no nested directories at the root',
      [{ ...mount('v', '/dir'), subPath: 's' }, mount('w', '/dir/a')],
      [],
    ],
  ];
  for (const [name, mounts, expected] of rows) {
    t.same(nestedMountPoints('v', { containers: [container('c', mounts)] }), expected, name);
  }
});
