import t from 'tap';
import {
  buildAllocatable,
  buildCapacity,
  buildPodsCgroupLimits,
  findOverReservations,
  formatBytes,
  isExtendedResource,
  type MachineResources,
  type ResourceConfig,
} from './node-resources.ts';

const NOTHING = { cpuMilli: 0, memoryBytes: 0, ephemeralStorageBytes: 0, pids: 0 };
const MACHINE: MachineResources = {
  cpuCount: 2,
  memoryBytes: 4_000_000 * 1024,
  rootFsBytes: 61_255_492 * 1024,
  pidLimit: 32_768,
  hugepages: [{ pageBytes: 2 ** 21, count: 0 }],
};
const CONFIG: ResourceConfig = {
  maxPods: 110,
  podsPerCore: 0,
  systemReserved: NOTHING,
  kubeReserved: NOTHING,
  evictionHard: {
    'memory.available': { kind: 'amount', amount: 100 * 2 ** 20 },
    'nodefs.available': { kind: 'percent', percent: 10 },
  },
  localStorageCapacityIsolation: true,
};

t.test('buildCapacity() prints what the machine has as the kubelet does', async t => {
  t.strictSame(buildCapacity(MACHINE, CONFIG), {
    cpu: '2',
    memory: '4000000Ki',
    pods: '110',
    'ephemeral-storage': '61255492Ki',
    'hugepages-2Mi': '0',
  });
});

t.test('buildCapacity() limits pods by core when that is configured', async t => {
  t.equal(buildCapacity(MACHINE, { ...CONFIG, podsPerCore: 10 })['pods'], '20');
  t.equal(buildCapacity(MACHINE, { ...CONFIG, podsPerCore: 100 })['pods'], '110');
});

t.test('buildAllocatable() takes the hard eviction thresholds off', async t => {
  const allocatable = buildAllocatable(MACHINE, CONFIG);
  t.equal(allocatable['cpu'], '2');
  t.equal(allocatable['memory'], '3897600Ki');
  t.equal(allocatable['ephemeral-storage'], '56453061334');
});

t.test('buildAllocatable() takes reserved amounts and huge pages off', async t => {
  const allocatable = buildAllocatable(
    { ...MACHINE, hugepages: [{ pageBytes: 2 ** 30, count: 1 }] },
    {
      ...CONFIG,
      evictionHard: {},
      systemReserved: { ...NOTHING, cpuMilli: 100, memoryBytes: 2 ** 20 },
      kubeReserved: { ...NOTHING, cpuMilli: 50, memoryBytes: 2 ** 20 },
    },
  );
  t.equal(allocatable['cpu'], '1850m');
  t.equal(allocatable['memory'], formatBytes(4_000_000 * 1024 - 2 * 2 ** 20 - 2 ** 30));
  t.equal(allocatable['hugepages-1Gi'], '1Gi');
});

t.test('buildAllocatable() never goes below zero', async t => {
  const config = { ...CONFIG, kubeReserved: { ...NOTHING, cpuMilli: 3000, memoryBytes: 2 ** 40 } };
  t.equal(buildAllocatable(MACHINE, config)['cpu'], '0');
  t.equal(buildAllocatable(MACHINE, config)['memory'], '0');
  t.strictSame(findOverReservations(MACHINE, config).length, 2);
  t.match(
    findOverReservations(MACHINE, config)[0],
    'Resource "cpu" has a reservation of 3 but capacity of 2.',
  );
});

t.test('findOverReservations() is content with the defaults', async t => {
  t.strictSame(findOverReservations(MACHINE, CONFIG), []);
});

t.test('buildPodsCgroupLimits() leaves the eviction distance to eviction', async t => {
  const config = {
    systemReserved: { ...NOTHING, cpuMilli: 200, memoryBytes: 1024, pids: 768 },
    kubeReserved: { ...NOTHING, pids: 2000 },
  };
  t.strictSame(buildPodsCgroupLimits(MACHINE, config), {
    cpuMilli: 1800,
    memoryBytes: MACHINE.memoryBytes - 1024,
    pids: 30_000,
  });
});

t.test('formatBytes() uses the largest suffix that keeps the number whole', async t => {
  for (const [bytes, text] of [
    [0, '0'],
    [1, '1'],
    [1024, '1Ki'],
    [1536, '1536'],
    [2 ** 30, '1Gi'],
    [3 * 2 ** 21, '6Mi'],
  ] as const) {
    t.equal(formatBytes(bytes), text);
  }
});

t.test('isExtendedResource() knows whose resources are whose', async t => {
  t.ok(isExtendedResource('example.com/dongle'));
  for (const name of ['cpu', 'hugepages-2Mi', 'kubernetes.io/batch', 'requests.example.com/x']) {
    t.notOk(isExtendedResource(name), name);
  }
});
