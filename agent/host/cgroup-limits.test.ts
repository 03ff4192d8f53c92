import t from 'tap';
import { buildCgroupWrites, type CgroupLimits } from './cgroup-limits.ts';

const limits: CgroupLimits = {
  cpuShares: 1024,
  cpuQuotaUs: 50_000,
  memoryLimitBytes: 10_000,
  pidsMax: 'max',
  hugepageLimitBytes: new Map([[2 * 2 ** 20, 0]]),
};

function filesOf(version: 1 | 2, given: CgroupLimits): readonly string[] {
  return buildCgroupWrites(version, given).map(({ file, value }) => `${file}=${value}`);
}

t.test('buildCgroupWrites() for version 1', async t => {
  t.same(filesOf(1, limits), [
    'cpu.shares=1024',
    'cpu.cfs_period_us=100000',
    'cpu.cfs_quota_us=50000',
    'memory.limit_in_bytes=10000',
    'pids.max=max',
    'hugetlb.2MB.limit_in_bytes=0',
  ]);
  t.same(filesOf(1, { cpuQuotaUs: 'max', memoryLimitBytes: 'max' }).slice(1), [
    'cpu.cfs_quota_us=-1',
    'memory.limit_in_bytes=-1',
  ]);
});

t.test('buildCgroupWrites() for version 2', async t => {
  t.same(filesOf(2, limits), [
    'cpu.weight=39',
    'cpu.max=50000 100000',
    'memory.max=10000',
    'pids.max=max',
    'hugetlb.2MB.max=0',
  ]);
  t.same(filesOf(2, { cpuQuotaUs: 'max', cpuPeriodUs: 10_000 }), ['cpu.max=max 10000']);
  t.same(filesOf(2, {}), []);
});
