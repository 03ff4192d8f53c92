// A cgroup's limits as file writes, for both versions.
import { cpuWeightFromShares, hugepageSizeName } from './cgroup-names.ts';

/** What is not named stays as it is; `max` lifts a limit. */
export interface CgroupLimits {
  /** The kubelet's unit on both versions: 1024 for one CPU. */
  readonly cpuShares?: number;
  readonly cpuQuotaUs?: number | 'max';
  /** Default 100 000. */
  readonly cpuPeriodUs?: number;
  readonly memoryLimitBytes?: number | 'max';
  readonly pidsMax?: number | 'max';
  /** By page size in bytes. */
  readonly hugepageLimitBytes?: ReadonlyMap<number, number | 'max'>;
}

export interface CgroupWrite {
  readonly controller: string;
  readonly file: string;
  readonly value: string;
}

const DEFAULT_CPU_PERIOD_US = 100_000;

/** In the order in which the kernel accepts them. */
export function buildCgroupWrites(version: 1 | 2, limits: CgroupLimits): readonly CgroupWrite[] {
  const { memoryLimitBytes, pidsMax, hugepageLimitBytes } = limits;
  const writes = version === 1 ? cpuWritesV1(limits) : cpuWritesV2(limits);
  if (memoryLimitBytes !== undefined) {
    const bytes = memoryLimitBytes === 'max' ? 'max' : Math.floor(memoryLimitBytes); // the kernel rounds to pages
    writes.push(
      version === 1
        ? { controller: 'memory', file: 'memory.limit_in_bytes', value: bytes === 'max' ? '-1' : `${bytes}` }
        : { controller: 'memory', file: 'memory.max', value: `${bytes}` },
    );
  }
  if (pidsMax !== undefined) writes.push({ controller: 'pids', file: 'pids.max', value: `${pidsMax}` });
  for (const [pageBytes, limit] of hugepageLimitBytes ?? []) {
    writes.push(hugepageWrite(version, hugepageSizeName(pageBytes), limit));
  }
  return writes;
}

function cpuWritesV1({ cpuShares, cpuQuotaUs, cpuPeriodUs }: CgroupLimits): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  if (cpuShares !== undefined) writes.push({ controller: 'cpu', file: 'cpu.shares', value: `${cpuShares}` });
  if (cpuQuotaUs === undefined) return writes;
  const period = `${cpuPeriodUs ?? DEFAULT_CPU_PERIOD_US}`;
  const quota = cpuQuotaUs === 'max' ? '-1' : `${cpuQuotaUs}`;
  // The kernel checks each write against the other value and the parent: the period first, then what it means.
  writes.push({ controller: 'cpu', file: 'cpu.cfs_period_us', value: period });
  writes.push({ controller: 'cpu', file: 'cpu.cfs_quota_us', value: quota });
  return writes;
}

function cpuWritesV2({ cpuShares, cpuQuotaUs, cpuPeriodUs }: CgroupLimits): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  if (cpuShares !== undefined) {
    writes.push({ controller: 'cpu', file: 'cpu.weight', value: `${cpuWeightFromShares(cpuShares)}` });
  }
  if (cpuQuotaUs !== undefined) {
    const value = `${cpuQuotaUs} ${cpuPeriodUs ?? DEFAULT_CPU_PERIOD_US}`;
    writes.push({ controller: 'cpu', file: 'cpu.max', value });
  }
  return writes;
}

function hugepageWrite(version: 1 | 2, sizeName: string, limit: number | 'max'): CgroupWrite {
  return version === 1
    ? {
        controller: 'hugetlb',
        file: `hugetlb.${sizeName}.limit_in_bytes`,
        value: limit === 'max' ? '-1' : `${limit}`,
      }
    : { controller: 'hugetlb', file: `hugetlb.${sizeName}.max`, value: `${limit}` };
}
