// The three answers that are made from one NodeStats.
import t from 'tap';
import type { CgroupDetails, CgroupUsage } from '../../host/cgroup-usage.ts';
import { buildCadvisorMetrics } from './build-cadvisor-metrics.ts';
import { buildResourceMetrics } from './build-resource-metrics.ts';
import { buildSummary } from './build-summary.ts';
import { stringifySummary } from './json.ts';
import type { MeasuredUsage, NodeStats } from './node-stats.ts';

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const HUGE = 18_446_744_073_709_551_615n;

function usage(workingSetBytes: number, limitBytes?: number): CgroupUsage {
  return {
    atMs: AT_MS,
    cpu: { usageNanoseconds: HUGE, pressure: undefined },
    memory: {
      usageBytes: workingSetBytes + 10,
      workingSetBytes,
      rssBytes: 5,
      cacheBytes: 6,
      mappedFileBytes: 1,
      activeFileBytes: 2,
      inactiveFileBytes: 10,
      pageFaults: 7,
      majorPageFaults: 8,
      limitBytes,
      swapBytes: 0,
      swapLimitBytes: undefined,
      pressure: undefined,
    },
    ioPressure: undefined,
  };
}

const DETAILS: CgroupDetails = {
  userNanoseconds: 1_000_000_000n,
  systemNanoseconds: 500_000_000n,
  periods: 3,
  throttledPeriods: 2,
  throttledNanoseconds: 1n,
  cpuShares: 2,
  cpuPeriodMicroseconds: 100_000,
  cpuQuotaMicroseconds: undefined,
  maxMemoryBytes: 9,
  memoryFailures: 0,
  kernelMemoryBytes: 0,
  memoryReservationBytes: 0,
  oomKills: 0,
  processes: 1,
  threads: 1,
  threadsMax: undefined,
  devices: [],
};

function measured(path: string, own: CgroupUsage | undefined): MeasuredUsage {
  return { path, usage: own, details: own && DETAILS, usageNanoCores: undefined };
}

const COUNTERS = { rxPackets: 1n, rxErrors: 0n, rxDropped: 0n, txPackets: 1n, txErrors: 0n, txDropped: 0n };

const STATS: NodeStats = {
  nodeName: 'node-1',
  atMs: AT_MS,
  bootAtMs: 0,
  root: measured('/', usage(1000)),
  memoryBytes: 4000,
  swap: { totalBytes: 0, freeBytes: 0 },
  systemContainers: [],
  pods: [
    {
      name: 'web',
      namespace: 'shop',
      uid: 'uid-1',
      createdAtMs: AT_MS,
      isHostNetwork: false,
      measured: measured('/kubepods/poduid-1', usage(300)),
      sandbox: { id: 's1', createdAtMs: AT_MS, measured: measured('/kubepods/poduid-1/s1', usage(1)) },
      containers: [
        {
          id: 'c1',
          name: 'app',
          image: 'web:1',
          createdAtMs: AT_MS,
          startedAtMs: AT_MS + 250,
          measured: measured('/kubepods/poduid-1/c1', usage(200, 512)),
          rootfs: undefined,
          logs: undefined,
        },
        {
          id: 'c2',
          name: 'gone',
          image: 'web:1',
          createdAtMs: AT_MS,
          startedAtMs: AT_MS,
          measured: measured('/kubepods/poduid-1/c2', undefined),
          rootfs: undefined,
          logs: undefined,
        },
      ],
      network: [{ name: 'eth0', rxBytes: HUGE, txBytes: 2n, ...COUNTERS }],
      processCount: 1,
      volumes: [],
      ephemeralStorage: undefined,
    },
  ],
  network: [{ name: 'ens3', rxBytes: 1n, txBytes: 2n, ...COUNTERS }],
  fs: undefined,
  imageFs: undefined,
  rlimit: undefined,
};

void t.test(
  'buildSummary() has the members kubectl and the HPA read, and every digit of a counter',
  async t => {
    const text = stringifySummary(buildSummary(STATS));
    t.match(text, `"usageCoreNanoSeconds":${HUGE}`);
    t.match(text, `"rxBytes":${HUGE}`);
    t.match(JSON.parse(text), {
      node: {
        nodeName: 'node-1',
        startTime: '1970-01-01T00:00:00Z',
        memory: { time: '2026-01-02T03:04:05Z', workingSetBytes: 1000, availableBytes: 3000 },
        network: { name: '', interfaces: [{ name: 'ens3' }] },
      },
      pods: [
        {
          podRef: { name: 'web', namespace: 'shop', uid: 'uid-1' },
          memory: { workingSetBytes: 300, availableBytes: undefined },
          network: { name: 'eth0' },
          containers: [
            { name: 'app', memory: { availableBytes: 312 } },
            { name: 'gone', cpu: undefined },
          ],
        },
      ],
    });
  },
);

void t.test('buildSummary() writes an empty list of pods', async t => {
  t.match(stringifySummary(buildSummary({ ...STATS, pods: [] })), '"pods":[]');
});

void t.test('buildResourceMetrics() is what metrics-server reads', async t => {
  const lines = buildResourceMetrics(STATS).split('\n');
  t.ok(lines.includes(`node_memory_working_set_bytes 1000 ${AT_MS}`));
  t.ok(
    lines.includes(`pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 18446744073.709551615 ${AT_MS}`),
  );
  const labels = '{container="app",namespace="shop",pod="web"}';
  t.ok(lines.includes(`container_memory_working_set_bytes${labels} 200 ${AT_MS}`));
  t.ok(lines.includes(`container_start_time_seconds${labels} ${(AT_MS + 250) / 1000}`));
  t.notOk(
    lines.some(line => line.includes('container="gone"')),
    'a start without figures drops the pod',
  );
  t.ok(lines.includes('resource_scrape_error 0'));
  t.equal(
    buildResourceMetrics(undefined)
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#'))
      .join(),
    'resource_scrape_error 1',
  );
});

void t.test('buildCadvisorMetrics() labels every row as rules expect', async t => {
  const machine = {
    machineID: 'm',
    systemUUID: 's',
    bootID: 'b',
    cpuCount: 2,
    kernelVersion: '6.1',
    osImage: 'Debian "12"',
  };
  const lines = buildCadvisorMetrics(STATS, machine, { pauseImage: 'pause:3' }).split('\n');
  const memoryRows = lines.filter(line => line.startsWith('container_memory_working_set_bytes{'));
  const row = (id: string, image: string, name: string, container: string, pod = 'web'): string =>
    `container="${container}",id="${id}",image="${image}",name="${name}",namespace="${pod && 'shop'}",pod="${pod}"`;
  t.same(memoryRows, [
    `container_memory_working_set_bytes{${row('/', '', '', '', '')}} 1000 ${AT_MS}`,
    `container_memory_working_set_bytes{${row('/kubepods/poduid-1', '', '', '')}} 300 ${AT_MS}`,
    `container_memory_working_set_bytes{${row('/kubepods/poduid-1/s1', 'pause:3', 's1', '')}} 1 ${AT_MS}`,
    `container_memory_working_set_bytes{${row('/kubepods/poduid-1/c1', 'web:1', 'c1', 'app')}} 200 ${AT_MS}`,
  ]);
  const received = lines.filter(line => line.startsWith('container_network_receive_bytes_total{'));
  t.match(received, [
    /id="\/".*interface="ens3"} 1 /,
    /image="pause:3".*interface="eth0"} 18446744073709551615 /,
  ]);
  t.notOk(
    lines.some(line => line.startsWith('container_cpu_cfs_periods_total')),
    'no quota, no periods',
  );
  t.ok(
    lines.some(
      line => line.startsWith('cadvisor_version_info{') && line.includes('osVersion="Debian \\"12\\""'),
    ),
  );
});
