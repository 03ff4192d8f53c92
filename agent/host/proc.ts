// Facts from /proc and /sys.
import { readdir, readFile } from 'node:fs/promises';
import { mapHostError, mapped, systemErrorCode } from './errors.ts';

// In the kubelet's order; the first that can be read counts.
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];
const SYSTEM_UUID_FILES = [
  '/sys/class/dmi/id/product_uuid',
  '/proc/device-tree/system-id',
  '/proc/device-tree/vm,uuid',
  '/etc/machine-id',
];
const OS_RELEASE_FILES = ['/etc/os-release', '/usr/lib/os-release'];
const HUGEPAGES_DIRECTORY = '/sys/kernel/mm/hugepages';

/** Node.status.nodeInfo.machineID; empty when the machine has none. */
export async function readMachineID(): Promise<string> {
  return (await readFirst(MACHINE_ID_FILES)) ?? '';
}

/** Node.status.nodeInfo.systemUUID; empty when the machine has none. */
export async function readSystemUUID(): Promise<string> {
  return (await readFirst(SYSTEM_UUID_FILES)) ?? '';
}

/** Changes with each boot. */
export async function readBootID(): Promise<string> {
  return (await mapped(readFile('/proc/sys/kernel/random/boot_id', 'utf8'))).trim();
}

/** PRETTY_NAME of os-release(5), `Linux` without one. */
export async function readOSImage(): Promise<string> {
  return parseOSRelease((await readFirst(OS_RELEASE_FILES)) ?? '').get('PRETTY_NAME') ?? 'Linux';
}

export function parseOSRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z0-9_]+)=(.*)$/.exec(line.trim());
    if (match?.[1] === undefined || match[2] === undefined) continue;
    values.set(match[1], match[2].replace(/^(["'])(.*)\1$/, '$2').replace(/\\([\\"'$`])/g, '$1'));
  }
  return values;
}

/** /proc/meminfo in bytes by name, e.g. MemTotal, MemAvailable, SwapTotal. */
export async function readMemInfo(): Promise<ReadonlyMap<string, number>> {
  return parseMemInfo(await mapped(readFile('/proc/meminfo', 'utf8')));
}

export function parseMemInfo(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const [, name, amount, unit] of text.matchAll(/^([^:\n]+):\s+(\d+)( kB)?$/gm)) {
    if (name !== undefined) values.set(name, Number(amount) * (unit === undefined ? 1 : 1024));
  }
  return values;
}

export interface Hugepages {
  readonly pageBytes: number;
  readonly count: number;
}

/** Every size the kernel offers, also those without pages, smallest first. */
export async function readHugepages(): Promise<readonly Hugepages[]> {
  try {
    const names = await readdir(HUGEPAGES_DIRECTORY);
    const sizes = await Promise.all(names.map(readHugepageSize));
    return sizes.filter(size => size !== undefined).sort((a, b) => a.pageBytes - b.pageBytes);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw mapHostError(error);
  }
}

async function readHugepageSize(name: string): Promise<Hugepages | undefined> {
  const kibibytes = /^hugepages-(\d+)kB$/.exec(name)?.[1];
  if (kibibytes === undefined) return undefined;
  const text = await readFile(`${HUGEPAGES_DIRECTORY}/${name}/nr_hugepages`, 'utf8');
  return { pageBytes: Number(kibibytes) * 1024, count: Number(text) };
}

/** The most processes the machine can have: the smaller of its two limits. */
export async function readPidLimit(): Promise<number> {
  const files = ['/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max'];
  const limits = await mapped(Promise.all(files.map(file => readFile(file, 'utf8'))));
  return Math.min(...limits.map(Number));
}

/** Time since boot. */
export async function readUptimeSeconds(): Promise<number> {
  return Number((await mapped(readFile('/proc/uptime', 'utf8'))).split(' ')[0]);
}

export interface ProcessStat {
  readonly pid: number;
  readonly parentPid: number;
  /** The pid of the process that began the session. */
  readonly sessionId: number;
  /** One letter, proc_pid_stat(5); Z is a zombie. */
  readonly state: string;
  /** Clock ticks from boot to its start: with the pid it names one process of this boot. */
  readonly startTicks: number;
}

/** undefined when there is no such process. */
export async function readProcessStat(pid: number): Promise<ProcessStat | undefined> {
  try {
    return parseProcessStat(await readFile(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw mapHostError(error);
  }
}

export function parseProcessStat(text: string): ProcessStat | undefined {
  // The name in parentheses may hold blanks and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parentPid, , sessionId] = fields;
  const startTicks = fields[19];
  if (state === undefined || startTicks === undefined) return undefined;
  return {
    pid: Number.parseInt(text, 10),
    parentPid: Number(parentPid),
    sessionId: Number(sessionId),
    state,
    startTicks: Number(startTicks),
  };
}

async function readFirst(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    try {
      // The device tree ends its strings with NUL.
      return (await readFile(file, 'utf8')).replaceAll('\0', '').trim();
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
    }
  }
  return undefined;
}
