import t from 'tap';
import type { Node } from '../api/objects.ts';
import { buildImages, buildStatus, isRebooted, type StatusInputs } from './build-status.ts';
import { buildConditions, NO_PRESSURE } from './conditions.ts';
import { planStatusPatch } from './plan-status-patch.ts';

const NOTHING = { cpuMilli: 0, memoryBytes: 0, ephemeralStorageBytes: 0, pids: 0 };

function inputsAt(nowMs: number, change: Partial<StatusInputs> = {}, present?: Node): StatusInputs {
  return {
    config: {
      maxPods: 110,
      podsPerCore: 0,
      systemReserved: NOTHING,
      kubeReserved: NOTHING,
      evictionHard: {},
      localStorageCapacityIsolation: true,
      statusMaxImages: 50,
    },
    kubeletVersion: 'v1.36.4+nodelet.0.1.0',
    serverPort: 10250,
    machine: {
      cpuCount: 2,
      memoryBytes: 2 ** 32,
      rootFsBytes: 2 ** 36,
      pidLimit: 32_768,
      hugepages: [{ pageBytes: 2 ** 21, count: 1 }],
    },
    identity: {
      machineID: 'm',
      systemUUID: 's',
      bootID: 'b',
      kernelVersion: '6.1',
      osImage: 'Debian',
      architecture: 'amd64',
      swapBytes: 0,
    },
    addresses: [
      { type: 'InternalIP', address: '10.0.0.5' },
      { type: 'Hostname', address: 'node-1' },
    ],
    conditions: buildConditions(present?.status?.conditions ?? [], {
      nowMs,
      pressure: NO_PRESSURE,
      problems: [],
    }),
    containerRuntimeVersion: 'containerd://1.6.20',
    runtimeHandlers: [],
    supplementalGroupsPolicy: undefined,
    images: [],
    volumesInUse: [],
    ...change,
  };
}

function nodeWith(status: Node['status']): Node {
  return { metadata: { name: 'node-1' }, ...(status && { status }) };
}

const base = nodeWith(buildStatus(undefined, inputsAt(0)));

function patchFor(present: Node, inputs: StatusInputs, isReportDue = false) {
  return planStatusPatch(present, buildStatus(present.status, inputs), { isReportDue });
}

t.test('planStatusPatch() writes nothing for a mere heartbeat', async t => {
  t.equal(patchFor(base, inputsAt(60_000, {}, base)), undefined);
});

t.test('planStatusPatch() sends the four heartbeats when the report is due', async t => {
  const patch = patchFor(base, inputsAt(60_000, {}, base), true);
  t.strictSame(Object.keys(patch?.status ?? {}), ['conditions']);
  t.match(patch, { status: { conditions: [{ lastHeartbeatTime: '1970-01-01T00:01:00Z' }] } });
});

t.test('planStatusPatch() replaces the whole list of addresses', async t => {
  const addresses = [{ type: 'InternalIP', address: '10.0.0.6' }];
  t.strictSame(patchFor(base, inputsAt(0, { addresses }, base))?.status['addresses'], [
    ...addresses,
    { $patch: 'replace' },
  ]);
});

t.test('planStatusPatch() takes page sizes away that the kernel no longer has', async t => {
  const machine = { ...inputsAt(0).machine, hugepages: [] };
  const patch = patchFor(base, inputsAt(0, { machine }, base));
  t.strictSame(patch?.status['capacity'], { 'hugepages-2Mi': null });
  t.strictSame(patch?.status['allocatable'], { memory: '4Gi', 'hugepages-2Mi': null });
});

t.test('planStatusPatch() keeps and mirrors resources that others advertise', async t => {
  const present = nodeWith({
    ...base.status,
    capacity: { ...base.status?.capacity, 'example.com/dongle': '4' },
  });
  const patch = patchFor(present, inputsAt(0, {}, present));
  t.equal(patch?.status['capacity'], undefined);
  t.strictSame(patch?.status['allocatable'], { 'example.com/dongle': '4' });
});

t.test('planStatusPatch() drops allocatable whose capacity is gone', async t => {
  const present = nodeWith({
    ...base.status,
    allocatable: { ...base.status?.allocatable, 'example.com/dongle': '4' },
  });
  t.strictSame(patchFor(present, inputsAt(0, {}, present))?.status['allocatable'], {
    'example.com/dongle': null,
  });
});

t.test(
  'planStatusPatch() takes volumes away that a kubelet had in use, once nothing of them is mounted',
  async t => {
    const volumesInUse = ['kubernetes.io/csi/driver^volume'];
    const present = nodeWith({ ...base.status, volumesInUse });
    t.equal(patchFor(present, inputsAt(0, { volumesInUse })), undefined);
    t.match(patchFor(present, inputsAt(0)), { status: { volumesInUse: [] } });
  },
);

t.test('planStatusPatch() compares quantities by value', async t => {
  const present = nodeWith({ ...base.status, capacity: { ...base.status?.capacity, memory: '4096Mi' } });
  t.equal(patchFor(present, inputsAt(0, {}, present)), undefined);
});

t.test('planStatusPatch() repairs a condition that somebody else set', async t => {
  const present = nodeWith({
    ...base.status,
    conditions: (base.status?.conditions ?? []).map(c => ({ ...c, status: 'Unknown' as const })),
  });
  t.match(patchFor(present, inputsAt(1000, {}, present)), {
    status: { conditions: { 3: { type: 'Ready', status: 'True' } } },
  });
});

t.test('planStatusPatch() leads to a status that needs no patch', async t => {
  const empty = nodeWith(undefined);
  t.ok(patchFor(empty, inputsAt(0)));
  t.equal(patchFor(base, inputsAt(0, {}, base)), undefined);
});

t.test('buildStatus() keeps what a runtime that is down cannot tell', async t => {
  const status = buildStatus(
    base.status,
    inputsAt(0, { containerRuntimeVersion: undefined, images: undefined }),
  );
  t.equal(status.nodeInfo?.containerRuntimeVersion, 'containerd://1.6.20');
  t.strictSame(status.images, []);
  t.equal(
    buildStatus(undefined, inputsAt(0, { containerRuntimeVersion: undefined })).nodeInfo
      ?.containerRuntimeVersion,
    'unknown://Unknown',
  );
});

t.test('buildImages() lists the largest first, digests before tags, five names at most', async t => {
  const images = buildImages(
    [
      { repoDigests: ['a@sha256:1'], repoTags: ['a:1', 'a:2', 'a:3', 'a:4', 'a:5'], sizeBytes: 1 },
      { repoDigests: [], repoTags: ['b:1'], sizeBytes: 3 },
      { repoDigests: [], repoTags: ['c:1'], sizeBytes: 2 },
    ],
    2,
  );
  t.strictSame(images, [
    { names: ['b:1'], sizeBytes: 3 },
    { names: ['c:1'], sizeBytes: 2 },
  ]);
  t.strictSame(
    buildImages([{ repoDigests: ['d'], repoTags: ['1', '2', '3', '4', '5'], sizeBytes: 1 }], -1)[0]?.names,
    ['d', '1', '2', '3', '4'],
  );
});

t.test('isRebooted() compares boot identities', async t => {
  t.notOk(isRebooted(undefined, 'x'));
  t.notOk(isRebooted(base, 'b'));
  t.ok(isRebooted(base, 'x'));
});

t.test('buildImages() leaves out images without a name: the API would not keep them as written', async t => {
  const images = [
    { repoDigests: [], repoTags: [], sizeBytes: 9 },
    { repoDigests: ['web@sha256:1'], repoTags: ['web:1'], sizeBytes: 5 },
  ];
  t.strictSame(buildImages(images, 50), [{ names: ['web@sha256:1', 'web:1'], sizeBytes: 5 }]);
});
