// Processes below others, by the kernel's own lists: nothing that reads all of /proc.
import { readdir, readFile } from 'node:fs/promises';
import { mapHostError, systemErrorCode } from './errors.ts';
import { type ProcessStat, readProcessStat } from './proc.ts';

const GONE = ['ENOENT', 'ESRCH'];

/** Those that live; none of a process that is gone. */
export async function listChildren(pid: number): Promise<readonly ProcessStat[]> {
  const threads = (await ifThere(readdir(`/proc/${pid}/task`))) ?? [];
  const lists = await Promise.all(
    threads.map(thread => ifThere(readFile(`/proc/${pid}/task/${thread}/children`, 'utf8'))),
  );
  const pids = lists.flatMap(list => (list ?? '').split(' ').filter(Boolean).map(Number));
  const stats = await Promise.all(pids.map(readProcessStat));
  return stats.filter(stat => stat !== undefined);
}

/** All generations. */
export async function listDescendants(pid: number): Promise<readonly ProcessStat[]> {
  const children = await listChildren(pid);
  const further = await Promise.all(children.map(child => listDescendants(child.pid)));
  return [...children, ...further.flat()];
}

/** SIGKILL, to this very process and not to one that has its number by now. */
export async function killProcess({ pid, startTicks }: ProcessStat): Promise<void> {
  const now = await readProcessStat(pid);
  if (now?.startTicks !== startTicks) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw mapHostError(error);
  }
}

/** The arguments a process was started with; undefined when it is gone. */
export async function readCommandLine(pid: number): Promise<readonly string[] | undefined> {
  const text = await ifThere(readFile(`/proc/${pid}/cmdline`, 'utf8'));
  return text?.split('\0').slice(0, -1);
}

/** The lines of /proc/PID/cgroup: processes with the same text are in the same cgroups. */
export async function readCgroupText(pid: number): Promise<string | undefined> {
  return await ifThere(readFile(`/proc/${pid}/cgroup`, 'utf8'));
}

async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (GONE.includes(systemErrorCode(error) ?? '')) return undefined;
    throw mapHostError(error);
  }
}
