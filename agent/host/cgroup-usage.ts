// What a cgroup has used: the kernel's statistic files, read and brought to one form for both versions.
import { closeSync, openSync, readSync } from 'node:fs';
import type { Cgroups } from './cgroup.ts';
import { systemErrorCode } from './errors.ts';
import {
  type BlockDeviceUsage,
  type PressurePair,
  parseBlkio,
  parseFlatKeys,
  parseIoStat,
  parsePressure,
} from './parse-cgroup-files.ts';

/** A counter of nanoseconds outgrows 2^53 within days on a large machine. */
export interface CgroupCpu {
  readonly usageNanoseconds: bigint;
  readonly pressure: PressurePair | undefined;
}

export interface CgroupMemory {
  readonly usageBytes: number;
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly cacheBytes: number;
  readonly mappedFileBytes: number;
  readonly activeFileBytes: number;
  readonly inactiveFileBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  /** Undefined: no limit. */
  readonly limitBytes: number | undefined;
  readonly swapBytes: number;
  /** Undefined: no limit of its own. */
  readonly swapLimitBytes: number | undefined;
  readonly pressure: PressurePair | undefined;
}

export interface CgroupUsage {
  readonly atMs: number;
  readonly cpu: CgroupCpu | undefined;
  readonly memory: CgroupMemory | undefined;
  readonly ioPressure: PressurePair | undefined;
}

/** What only the cAdvisor metrics tell. */
export interface CgroupDetails {
  readonly userNanoseconds: bigint;
  readonly systemNanoseconds: bigint;
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttledNanoseconds: bigint;
  readonly cpuShares: number | undefined;
  readonly cpuPeriodMicroseconds: number | undefined;
  /** Undefined: no quota. */
  readonly cpuQuotaMicroseconds: number | undefined;
  readonly maxMemoryBytes: number | undefined;
  readonly memoryFailures: number;
  readonly kernelMemoryBytes: number;
  readonly memoryReservationBytes: number;
  readonly oomKills: number;
  readonly processes: number;
  readonly threads: number;
  readonly threadsMax: number | undefined;
  readonly devices: readonly BlockDeviceUsage[];
}

// Larger than any of these files; memory.stat is the longest with about 2 KiB.
const MAX_FILE_BYTES = 65_536;
const NO_LIMIT_BYTES = 2 ** 62;
const NANOSECONDS_PER_TICK = 10_000_000n; // USER_HZ is 100 on every architecture Kubernetes runs on

const buffer = Buffer.allocUnsafe(MAX_FILE_BYTES);

/**
 * A control file's text; undefined when the cgroup or the file is not there. Synchronous on purpose: the kernel answers
 * from memory in microseconds, and a thread pool's round trip costs ten times as much.
 */
export function readControl(directory: string | undefined, file: string): string | undefined {
  if (directory === undefined) return undefined;
  let descriptor: number | undefined;
  try {
    descriptor = openSync(`${directory}/${file}`, 'r');
    return buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, MAX_FILE_BYTES, 0));
  } catch (error) {
    // Gone before or while it was read, or not offered for this cgroup.
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Reads the usage of cgroups by their path from the mounts' root. */
export class CgroupUsageReader {
  readonly #cgroups: Cgroups;

  constructor(cgroups: Cgroups) {
    this.#cgroups = cgroups;
  }

  get version(): 1 | 2 {
    return this.#cgroups.version;
  }

  /** Undefined when there is no such cgroup. */
  readUsage(path: string): CgroupUsage | undefined {
    const usage = this.version === 2 ? this.#readUsage2(path) : this.#readUsage1(path);
    return usage.cpu || usage.memory ? usage : undefined;
  }

  readDetails(path: string): CgroupDetails {
    return this.version === 2 ? this.#readDetails2(path) : this.#readDetails1(path);
  }

  /** The processes right in the cgroup, as many as this PID namespace can see. */
  readPids(path: string): readonly number[] {
    const text = readControl(this.#directory(path, 'memory'), 'cgroup.procs') ?? '';
    return text
      .split('\n')
      .map(Number)
      .filter(pid => pid > 0);
  }

  #directory(path: string, controller: string): string | undefined {
    return this.#cgroups.directory(path, controller);
  }

  #readUsage1(path: string): CgroupUsage {
    const memory = this.#directory(path, 'memory');
    const usageText = readControl(this.#directory(path, 'cpuacct'), 'cpuacct.usage');
    const statText = readControl(memory, 'memory.stat');
    return {
      atMs: Date.now(),
      cpu:
        usageText === undefined
          ? undefined
          : { usageNanoseconds: BigInt(usageText.trim()), pressure: undefined },
      memory: statText === undefined ? undefined : buildMemory1(statText, memory),
      ioPressure: undefined,
    };
  }

  #readUsage2(path: string): CgroupUsage {
    const directory = this.#directory(path, '');
    const cpuText = readControl(directory, 'cpu.stat');
    const statText = readControl(directory, 'memory.stat');
    const pressure = (name: string): PressurePair | undefined => parsePressure(readControl(directory, name));
    const microseconds = parseFlatKeys(cpuText ?? '').get('usage_usec');
    return {
      atMs: Date.now(),
      cpu:
        microseconds === undefined
          ? undefined
          : { usageNanoseconds: BigInt(microseconds) * 1000n, pressure: pressure('cpu.pressure') },
      memory:
        statText === undefined ? undefined : buildMemory2(statText, directory, pressure('memory.pressure')),
      ioPressure: pressure('io.pressure'),
    };
  }

  #readDetails1(path: string): CgroupDetails {
    const memory = this.#directory(path, 'memory');
    const cpu = this.#directory(path, 'cpu');
    const pids = this.#directory(path, 'pids');
    const cpuacct = parseFlatKeys(readControl(this.#directory(path, 'cpuacct'), 'cpuacct.stat') ?? '');
    const cpuStat = parseFlatKeys(readControl(cpu, 'cpu.stat') ?? '');
    const quota = numberOf(readControl(cpu, 'cpu.cfs_quota_us'));
    const oom = parseFlatKeys(readControl(memory, 'memory.oom_control') ?? '');
    const blkio = this.#directory(path, 'blkio');
    return {
      userNanoseconds: BigInt(cpuacct.get('user') ?? 0) * NANOSECONDS_PER_TICK,
      systemNanoseconds: BigInt(cpuacct.get('system') ?? 0) * NANOSECONDS_PER_TICK,
      periods: Number(cpuStat.get('nr_periods') ?? 0),
      throttledPeriods: Number(cpuStat.get('nr_throttled') ?? 0),
      throttledNanoseconds: BigInt(cpuStat.get('throttled_time') ?? 0),
      cpuShares: numberOf(readControl(cpu, 'cpu.shares')),
      cpuPeriodMicroseconds: numberOf(readControl(cpu, 'cpu.cfs_period_us')),
      cpuQuotaMicroseconds: quota !== undefined && quota > 0 ? quota : undefined,
      maxMemoryBytes: numberOf(readControl(memory, 'memory.max_usage_in_bytes')),
      memoryFailures: numberOf(readControl(memory, 'memory.failcnt')) ?? 0,
      kernelMemoryBytes: numberOf(readControl(memory, 'memory.kmem.usage_in_bytes')) ?? 0,
      memoryReservationBytes: limitOf(readControl(memory, 'memory.soft_limit_in_bytes')) ?? 0,
      oomKills: Number(oom.get('oom_kill') ?? 0),
      processes: countLines(readControl(memory, 'cgroup.procs')),
      threads: numberOf(readControl(pids, 'pids.current')) ?? countLines(readControl(memory, 'tasks')),
      threadsMax: limitOf(readControl(pids, 'pids.max')),
      devices: parseBlkio(
        readControl(blkio, 'blkio.throttle.io_service_bytes') ?? '',
        readControl(blkio, 'blkio.throttle.io_serviced') ?? '',
      ),
    };
  }

  #readDetails2(path: string): CgroupDetails {
    const directory = this.#directory(path, '');
    const cpuStat = parseFlatKeys(readControl(directory, 'cpu.stat') ?? '');
    const nanoseconds = (name: string): bigint => BigInt(cpuStat.get(name) ?? 0) * 1000n;
    const [quota, period] = (readControl(directory, 'cpu.max') ?? '').trim().split(' ');
    const events = parseFlatKeys(readControl(directory, 'memory.events') ?? '');
    const memoryStat = parseFlatKeys(readControl(directory, 'memory.stat') ?? '');
    const weight = numberOf(readControl(directory, 'cpu.weight'));
    return {
      userNanoseconds: nanoseconds('user_usec'),
      systemNanoseconds: nanoseconds('system_usec'),
      periods: Number(cpuStat.get('nr_periods') ?? 0),
      throttledPeriods: Number(cpuStat.get('nr_throttled') ?? 0),
      throttledNanoseconds: nanoseconds('throttled_usec'),
      cpuShares: weight && sharesFromWeight(weight),
      cpuPeriodMicroseconds: numberOf(period),
      cpuQuotaMicroseconds: quota === 'max' ? undefined : numberOf(quota),
      maxMemoryBytes: numberOf(readControl(directory, 'memory.peak')),
      memoryFailures: Number(events.get('max') ?? 0),
      kernelMemoryBytes: Number(memoryStat.get('kernel') ?? 0),
      memoryReservationBytes: limitOf(readControl(directory, 'memory.low')) ?? 0,
      oomKills: Number(events.get('oom_kill') ?? 0),
      processes: countLines(readControl(directory, 'cgroup.procs')),
      threads: numberOf(readControl(directory, 'pids.current')) ?? 0,
      threadsMax: limitOf(readControl(directory, 'pids.max')),
      devices: parseIoStat(readControl(directory, 'io.stat') ?? ''),
    };
  }
}

function buildMemory1(statText: string, directory: string | undefined): CgroupMemory {
  const stat = parseFlatKeys(statText);
  const value = (name: string): number => Number(stat.get(name) ?? 0);
  const usageBytes = numberOf(readControl(directory, 'memory.usage_in_bytes')) ?? 0;
  const limitBytes = limitOf(stat.get('hierarchical_memory_limit'));
  const bothLimitBytes = limitOf(stat.get('hierarchical_memsw_limit'));
  const isSwapLimited = limitBytes !== undefined && bothLimitBytes !== undefined;
  return {
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - value('total_inactive_file')),
    rssBytes: value('total_rss'),
    cacheBytes: value('total_cache'),
    mappedFileBytes: value('total_mapped_file'),
    activeFileBytes: value('total_active_file'),
    inactiveFileBytes: value('total_inactive_file'),
    pageFaults: value('total_pgfault'),
    majorPageFaults: value('total_pgmajfault'),
    limitBytes,
    swapBytes: value('total_swap'),
    swapLimitBytes: isSwapLimited ? Math.max(0, bothLimitBytes - limitBytes) : undefined,
    pressure: undefined,
  };
}

function buildMemory2(
  statText: string,
  directory: string | undefined,
  pressure: PressurePair | undefined,
): CgroupMemory {
  const stat = parseFlatKeys(statText);
  const value = (name: string): number => Number(stat.get(name) ?? 0);
  // The root cgroup has no memory.current: everybody's pages are what it holds.
  const usageBytes = numberOf(readControl(directory, 'memory.current')) ?? value('anon') + value('file');
  return {
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - value('inactive_file')),
    rssBytes: value('anon'),
    cacheBytes: value('file'),
    mappedFileBytes: value('file_mapped'),
    activeFileBytes: value('active_file'),
    inactiveFileBytes: value('inactive_file'),
    pageFaults: value('pgfault'),
    majorPageFaults: value('pgmajfault'),
    limitBytes: limitOf(readControl(directory, 'memory.max')),
    swapBytes: numberOf(readControl(directory, 'memory.swap.current')) ?? 0,
    swapLimitBytes: limitOf(readControl(directory, 'memory.swap.max')),
    pressure,
  };
}

/** The range cpu.weight stands for in Kubernetes' requests, as cAdvisor shows it. */
function sharesFromWeight(weight: number): number {
  return 2 + Math.floor(((weight - 1) * 262_142) / 9999);
}

function numberOf(text: string | undefined): number | undefined {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

// `max` in version 2; in version 1 the largest number of whole pages.
function limitOf(text: string | undefined): number | undefined {
  const value = numberOf(text);
  return value === undefined || value >= NO_LIMIT_BYTES ? undefined : value;
}

function countLines(text: string | undefined): number {
  return text === undefined ? 0 : text.split('\n').length - 1;
}
