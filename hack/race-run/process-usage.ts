import { readFile } from 'node:fs/promises';

const TICK_MS = 10; // USER_HZ is 100 on every architecture we run on

export interface MemoryUse {
  readonly rssMb: number;
  readonly pssMb: number;
  readonly anonymousMb: number;
}

/** Sum over the processes, proc_pid_smaps(5); PSS shares out what several processes map. */
export async function readMemory(pids: readonly number[]): Promise<MemoryUse> {
  const all = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/smaps_rollup`, 'utf8')));
  const sumMb = (field: string): number =>
    all.reduce((sum, text) => sum + Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(text)?.[1]), 0) /
    1024;
  return { rssMb: sumMb('Rss'), pssMb: sumMb('Pss'), anonymousMb: sumMb('Anonymous') };
}

/** User and system time of the processes since they began, children they have waited for included. */
export async function readCpuMs(pids: readonly number[]): Promise<number> {
  const all = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/stat`, 'utf8')));
  return all.reduce((sum, text) => sum + parseCpuMs(text), 0);
}

function parseCpuMs(stat: string): number {
  // proc_pid_stat(5): fields 14 to 17 are utime, stime, cutime, cstime; the name in brackets may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0);
}
