import { readFile } from 'node:fs/promises';
import { mapped } from './errors.ts';
import { readPidLimit } from './proc.ts';

export interface ProcessLimits {
  readonly maxPid: number;
  /** Threads count: each takes a process id. */
  readonly currentProcesses: number;
}

/** How many process ids the machine has and has given out, proc_loadavg(5). */
export async function readProcessLimits(): Promise<ProcessLimits> {
  const [maxPid, loadavg] = await Promise.all([readPidLimit(), mapped(readFile('/proc/loadavg', 'utf8'))]);
  return { maxPid, currentProcesses: Number(/\d+\/(\d+)/.exec(loadavg)?.[1] ?? 0) };
}
