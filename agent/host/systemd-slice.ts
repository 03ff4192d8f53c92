// Slices for the systemd cgroup driver: systemd makes the cgroup and keeps our values over its own reloads. Through
// busctl, one child process per pod start, until a D-Bus client is worth its code.
import { UnavailableError } from '../lib/errors.ts';
import type { CgroupLimits } from './cgroup-limits.ts';
import { cpuWeightFromShares } from './cgroup-names.ts';
import { runCommand } from './command.ts';

const MANAGER = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager'];
const MICROSECONDS = 1_000_000;
const DEFAULT_CPU_PERIOD_US = 100_000;
const MICROSECONDS_PER_PERCENT = 10_000;
const UNLIMITED = '18446744073709551615'; // UINT64_MAX, org.freedesktop.systemd1(5)

interface SliceOptions {
  readonly limits: CgroupLimits;
  /** The version the machine has: systemd names the CPU share differently. */
  readonly version: 1 | 2;
  readonly signal: AbortSignal;
}

/** Starts the slice at the end of a cgroup path of the systemd driver, or sets the properties of a running one. */
export async function ensureSlice(
  cgroupPath: string,
  { limits, version, signal }: SliceOptions,
): Promise<void> {
  const unit = sliceName(cgroupPath);
  const properties = buildSliceProperties(version, limits);
  const start = await runCommand('busctl', buildStartArguments(unit, properties), { signal });
  if (start.exitCode === 0) return;
  if (!/already (?:exists|loaded)/.test(start.stderr)) throw busError(`start ${unit}`, start.stderr);
  const change = await runCommand('busctl', buildSetArguments(unit, properties), { signal });
  if (change.exitCode !== 0) throw busError(`change ${unit}`, change.stderr);
}

/** Stops the slice, which ends what runs in it; one that is not loaded is done. */
export async function stopSlice(
  cgroupPath: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const unit = sliceName(cgroupPath);
  const stop = await runCommand('busctl', ['call', ...MANAGER, 'StopUnit', 'ss', unit, 'replace'], {
    signal,
  });
  if (stop.exitCode !== 0 && !/not loaded|NoSuchUnit/.test(stop.stderr))
    throw busError(`stop ${unit}`, stop.stderr);
}

function busError(what: string, stderr: string): UnavailableError {
  return new UnavailableError(`${what}: ${stderr.trim()}`, { code: 'SystemdCallFailed' });
}

function sliceName(cgroupPath: string): string {
  return cgroupPath.slice(cgroupPath.lastIndexOf('/') + 1);
}

/**
 * systemd keeps a quota in whole percents of a CPU and drops what is left over: at its next reload a pod would have less
 * than it was given, or no limit at all below one percent. So the quota is rounded up before anybody is told.
 */
export function withWholePercents(limits: CgroupLimits): CgroupLimits {
  const { cpuQuotaUs, cpuPeriodUs = DEFAULT_CPU_PERIOD_US } = limits;
  if (typeof cpuQuotaUs !== 'number') return limits;
  const percents = Math.ceil(quotaPerSecond(cpuQuotaUs, cpuPeriodUs) / MICROSECONDS_PER_PERCENT);
  const perPeriod = (percents * MICROSECONDS_PER_PERCENT * cpuPeriodUs) / MICROSECONDS;
  return { ...limits, cpuQuotaUs: Math.ceil(perPeriod) };
}

function quotaPerSecond(cpuQuotaUs: number, cpuPeriodUs: number): number {
  return Math.ceil((cpuQuotaUs * MICROSECONDS) / cpuPeriodUs);
}

/** Name, D-Bus type and value; org.freedesktop.systemd1(5). */
export type SliceProperty = readonly [name: string, type: string, value: string];

export function buildSliceProperties(version: 1 | 2, limits: CgroupLimits): readonly SliceProperty[] {
  const { cpuShares, cpuQuotaUs, cpuPeriodUs = DEFAULT_CPU_PERIOD_US, memoryLimitBytes, pidsMax } = limits;
  const properties: SliceProperty[] = [];
  if (cpuShares !== undefined) {
    properties.push(
      version === 1
        ? ['CPUShares', 't', `${cpuShares}`]
        : ['CPUWeight', 't', `${cpuWeightFromShares(cpuShares)}`],
    );
  }
  if (cpuQuotaUs !== undefined) {
    const perSecond = cpuQuotaUs === 'max' ? UNLIMITED : `${quotaPerSecond(cpuQuotaUs, cpuPeriodUs)}`;
    properties.push(['CPUQuotaPerSecUSec', 't', perSecond], ['CPUQuotaPeriodUSec', 't', `${cpuPeriodUs}`]);
  }
  if (memoryLimitBytes !== undefined) {
    const name = version === 1 ? 'MemoryLimit' : 'MemoryMax';
    properties.push([name, 't', unlimitedOr(memoryLimitBytes)]);
  }
  if (pidsMax !== undefined) properties.push(['TasksMax', 't', unlimitedOr(pidsMax)]);
  return properties;
}

function unlimitedOr(value: number | 'max'): string {
  return value === 'max' ? UNLIMITED : `${Math.floor(value)}`;
}

/** StartTransientUnit(name, mode, properties, auxiliary units). */
export function buildStartArguments(unit: string, properties: readonly SliceProperty[]): readonly string[] {
  const all: readonly SliceProperty[] = [
    ['Description', 's', `Kubernetes pods, ${unit}`],
    // Not ended by a shutdown target before the runtime had its turn.
    ['DefaultDependencies', 'b', 'false'],
    ['CPUAccounting', 'b', 'true'],
    ['MemoryAccounting', 'b', 'true'],
    ['IOAccounting', 'b', 'true'],
    ['TasksAccounting', 'b', 'true'],
    ...properties,
  ];
  return ['call', ...MANAGER, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', unit, 'replace', ...encode(all), '0'];
}

/** SetUnitProperties(name, until the next boot, properties). */
export function buildSetArguments(unit: string, properties: readonly SliceProperty[]): readonly string[] {
  return ['call', ...MANAGER, 'SetUnitProperties', 'sba(sv)', unit, 'true', ...encode(properties)];
}

function encode(properties: readonly SliceProperty[]): readonly string[] {
  return [`${properties.length}`, ...properties.flat()];
}
