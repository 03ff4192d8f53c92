import t from 'tap';
import { buildMounts, buildSubPath, type MountsInput } from './build-mounts.ts';

const volume = {
  kind: 'mount' as const,
  directoryName: 'data',
  hostPath: '/v/data',
  isReadOnly: false,
  needsSELinuxRelabel: true,
};
const base: MountsInput = {
  container: { name: 'main', image: 'x', volumeMounts: [{ name: 'data', mountPath: '/data' }] },
  variables: new Map([
    ['POD', 'web-1'],
    ['EMPTY', ''],
  ]),
  volumes: new Map([['data', volume]]),
  subPaths: new Map(),
  hostsFile: undefined,
  terminationMessageFile: '/m',
  supportsRecursiveReadOnly: false,
  runtimeVersion: 'containerd://2.1.0',
};
const MESSAGE = { containerPath: '/dev/termination-log', hostPath: '/m', selinuxRelabel: true };

t.test('buildMounts()', async t => {
  const table: readonly [string, object, object][] = [
    [
      'mounts the volume as it is',
      {},
      {
        hostPath: '/v/data',
        containerPath: '/data',
        readonly: false,
        selinuxRelabel: true,
        propagation: 'PROPAGATION_PRIVATE',
      },
    ],
    [
      'is read-only where the mount says so',
      { readOnly: true },
      { readonly: true, recursiveReadOnly: false },
    ],
    [
      'passes propagation on',
      { mountPropagation: 'HostToContainer' },
      { propagation: 'PROPAGATION_HOST_TO_CONTAINER' },
    ],
    [
      'passes propagation to the host on',
      { mountPropagation: 'Bidirectional' },
      { propagation: 'PROPAGATION_BIDIRECTIONAL' },
    ],
    [
      'takes a relative path from the root and expands it',
      { mountPath: 'x/$(POD)' },
      { containerPath: '/x/web-1' },
    ],
    [
      'does without recursion where it may',
      { readOnly: true, recursiveReadOnly: 'IfPossible' },
      { recursiveReadOnly: false },
    ],
  ];
  for (const [name, change, expected] of table) {
    const container = { ...base.container, volumeMounts: [{ name: 'data', mountPath: '/data', ...change }] };
    t.match(buildMounts({ ...base, container }), { kind: 'ok', mounts: [expected, MESSAGE] }, name);
  }
});

t.test('buildMounts() takes the bound subPath of the mount it belongs to', async t => {
  const volumeMounts = [
    { name: 'data', mountPath: '/a' },
    { name: 'data', mountPath: '/b', subPath: 'b' },
  ];
  const input = { ...base, container: { ...base.container, volumeMounts }, subPaths: new Map([[1, '/s/1']]) };
  t.match(buildMounts(input), { mounts: [{ hostPath: '/v/data' }, { hostPath: '/s/1' }, MESSAGE] });
});

t.test('buildMounts() refuses recursive read-only where the runtime cannot', async t => {
  const volumeMounts = [{ name: 'data', mountPath: '/data', readOnly: true, recursiveReadOnly: 'Enabled' }];
  const input = { ...base, container: { ...base.container, volumeMounts } };
  t.same(buildMounts(input), {
    kind: 'refused',
    message:
      'failed to resolve recursive read-only mode: volume "data" requested recursive read-only mode, but it is not supported by the runtime',
  });
  t.match(buildMounts({ ...input, supportsRecursiveReadOnly: true }), {
    mounts: [{ recursiveReadOnly: true }, MESSAGE],
  });
});

t.test('buildMounts() leaves /etc/hosts to the container that mounts it', async t => {
  const volumeMounts = [{ name: 'data', mountPath: '/etc/hosts' }];
  const taken = buildMounts({ ...base, hostsFile: '/h', container: { ...base.container, volumeMounts } });
  t.match(taken, { mounts: { length: 2 } });
  t.match(buildMounts({ ...base, hostsFile: '/h' }), {
    mounts: [{}, { containerPath: '/etc/hosts' }, MESSAGE],
  });
});

t.test('buildMounts() names a volume that is not there', async t => {
  t.same(buildMounts({ ...base, volumes: new Map() }), {
    kind: 'refused',
    message: 'cannot find volume "data" to mount into container "main"',
  });
});

t.test('buildSubPath()', async t => {
  const table: readonly [object, object][] = [
    [{}, { kind: 'ok', subPath: '' }],
    [{ subPath: '$(POD)' }, { kind: 'ok', subPath: '$(POD)' }],
    [{ subPathExpr: 'logs/$(POD)/$$(POD)' }, { kind: 'ok', subPath: 'logs/web-1/$(POD)' }],
    [{ subPathExpr: '$(Z)/$(EMPTY)/$(A)' }, { kind: 'refused', message: 'missing value for A, EMPTY, Z' }],
  ];
  for (const [mount, expected] of table) {
    t.same(buildSubPath({ name: 'data', mountPath: '/', ...mount }, base.variables), expected);
  }
});

t.test('buildMounts() leaves an image volume to the runtime, where that can', async t => {
  const image = {
    kind: 'image' as const,
    reference: 'a.io/app:1',
    pullPolicy: undefined,
    imageRef: 'sha256:1',
  };
  const volumeMounts = [{ name: 'data', mountPath: '/data', subPath: 'etc' }];
  const container = { ...base.container, volumeMounts };
  const input = { ...base, container, volumes: new Map([['data', image]]) };
  const spec = { image: 'sha256:1', userSpecifiedImage: 'a.io/app:1' };
  const mount = { containerPath: '/data', image: spec, imageSubPath: 'etc', readonly: true };
  for (const runtimeVersion of ['containerd://2.2.0', 'containerd://v2.10.1', 'cri-o://1.33.0', undefined]) {
    t.match(buildMounts({ ...input, runtimeVersion }), { kind: 'ok', mounts: [mount, MESSAGE] });
  }
  for (const runtimeVersion of ['containerd://1.7.24', 'containerd://2.0.5']) {
    t.match(buildMounts({ ...input, runtimeVersion }), { kind: 'refused', message: /needs containerd 2.1/ });
  }
  const runtimeVersion = 'containerd://2.1.9';
  t.match(buildMounts({ ...input, runtimeVersion }), {
    kind: 'refused',
    message: /subPath needs containerd 2.2/,
  });
  const whole = { ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  t.match(buildMounts({ ...input, container: whole, runtimeVersion }), { kind: 'ok' });
});
