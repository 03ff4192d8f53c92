// The forms that the kernel's statistic files come in, cgroups(7) and Documentation/admin-guide/cgroup-v2.rst.

export interface Pressure {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalMicroseconds: number;
}

export interface PressurePair {
  readonly some: Pressure;
  readonly full: Pressure;
}

export interface BlockDeviceUsage {
  readonly major: number;
  readonly minor: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly reads: number;
  readonly writes: number;
}

export interface FlatKeys {
  get(name: string): string | undefined;
}

/**
 * `name value` per line. The values stay text: some are beyond 2^53. Of the forty lines of a memory.stat ten are asked
 * for, and there are hundreds of such files in one answer: nothing is taken apart ahead of that.
 */
export function parseFlatKeys(text: string): FlatKeys {
  return { get: name => findValue(text, name) };
}

function findValue(text: string, name: string): string | undefined {
  const key = `${name} `;
  const isFirst = text.startsWith(key);
  const at = isFirst ? 0 : text.indexOf(`\n${key}`) + 1;
  if (at === 0 && !isFirst) return undefined;
  const end = text.indexOf('\n', at);
  return text.slice(at + key.length, end < 0 ? undefined : end);
}

const NO_PRESSURE: Pressure = { avg10: 0, avg60: 0, avg300: 0, totalMicroseconds: 0 };

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, then `full ...`; undefined where the kernel has no PSI. */
export function parsePressure(text: string | undefined): PressurePair | undefined {
  if (!text) return undefined;
  const kinds = new Map<string, Pressure>();
  for (const [, kind = '', avg10, avg60, avg300, total] of text.matchAll(
    /^(some|full) avg10=(\S+) avg60=(\S+) avg300=(\S+) total=(\d+)$/gm,
  )) {
    kinds.set(kind, {
      avg10: Number(avg10),
      avg60: Number(avg60),
      avg300: Number(avg300),
      totalMicroseconds: Number(total),
    });
  }
  const some = kinds.get('some');
  return some && { some, full: kinds.get('full') ?? NO_PRESSURE };
}

/** io.stat: `254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`. */
export function parseIoStat(text: string): readonly BlockDeviceUsage[] {
  const devices: BlockDeviceUsage[] = [];
  for (const line of text.split('\n')) {
    const [device = '', ...fields] = line.split(' ');
    const [major, minor] = device.split(':');
    if (major === undefined || minor === undefined) continue;
    const values = new Map(
      fields.map(field => {
        const [name = '', value] = field.split('=');
        return [name, Number(value)] as const;
      }),
    );
    devices.push({
      major: Number(major),
      minor: Number(minor),
      readBytes: values.get('rbytes') ?? 0,
      writeBytes: values.get('wbytes') ?? 0,
      reads: values.get('rios') ?? 0,
      writes: values.get('wios') ?? 0,
    });
  }
  return devices;
}

/** blkio.throttle.io_service_bytes and .io_serviced: `254:0 Read 4096`, one line per operation, `Total 4096` last. */
export function parseBlkio(bytesText: string, countText: string): readonly BlockDeviceUsage[] {
  const bytes = parseOperations(bytesText);
  const counts = parseOperations(countText);
  return [...bytes].map(([device, operations]) => {
    const [major, minor] = device.split(':').map(Number);
    return {
      major: major ?? 0,
      minor: minor ?? 0,
      readBytes: operations.get('Read') ?? 0,
      writeBytes: operations.get('Write') ?? 0,
      reads: counts.get(device)?.get('Read') ?? 0,
      writes: counts.get(device)?.get('Write') ?? 0,
    };
  });
}

function parseOperations(text: string): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const devices = new Map<string, Map<string, number>>();
  for (const [, device = '', operation = '', value] of text.matchAll(/^(\d+:\d+) (\w+) (\d+)$/gm)) {
    const operations = devices.get(device) ?? new Map<string, number>();
    devices.set(device, operations.set(operation, Number(value)));
  }
  return devices;
}
