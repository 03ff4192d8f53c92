// Processes are known by pid, start time and boot, so that a recycled pid is never taken for ours.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { sleep } from '../../agent/lib/sleep.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, proc_pid_stat(5) field 22. */
  readonly startTicks: string;
  readonly bootID: string;
}

interface ProcessStat {
  readonly state: string;
  readonly startTicks: string;
}

export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readStat(pid);
  return stat && { pid, startTicks: stat.startTicks, bootID: await readBootID() };
}

/** A zombie counts as gone: it runs nothing and holds nothing. */
export async function isRunning(identity: ProcessIdentity | undefined): Promise<boolean> {
  if (identity === undefined) return false;
  const stat = await readStat(identity.pid);
  return (
    stat !== undefined &&
    stat.state !== 'Z' &&
    stat.startTicks === identity.startTicks &&
    identity.bootID === (await readBootID())
  );
}

/** Sends a signal; a process that is gone already is fine. */
export async function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  if (!(await isRunning(identity))) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Ends a process with the given signal and, when it is still there after `graceMs`, with SIGKILL. */
export async function endProcess(
  identity: ProcessIdentity,
  { signal = 'SIGTERM', graceMs = 10_000 }: { signal?: NodeJS.Signals; graceMs?: number } = {},
): Promise<void> {
  await signalProcess(identity, signal);
  if (await isGoneWithin(identity, graceMs)) return;
  await signalProcess(identity, 'SIGKILL');
  if (!(await isGoneWithin(identity, 10_000))) throw new Error(`process ${identity.pid} does not end`);
}

/**
 * The process that described itself by its own `/proc/self/stat` line inside the pid namespace whose first process is
 * `initPid`; undefined once it is gone.
 */
export async function findInNamespace(
  initPid: number,
  statLine: string,
): Promise<ProcessIdentity | undefined> {
  const innerPid = statLine.split(' ')[0];
  const { startTicks } = parseStat(statLine);
  for (const pid of await listNamespace(initPid)) {
    const status = await readText(`/proc/${pid}/status`);
    const pids = /^NSpid:\s*(.*)$/m.exec(status ?? '')?.[1]?.split(/\s+/);
    if (pids?.at(-1) !== innerPid) continue;
    const identity = await identifyProcess(pid);
    return identity?.startTicks === startTicks && (await isRunning(identity)) ? identity : undefined;
  }
  return undefined;
}

async function listNamespace(initPid: number): Promise<number[]> {
  const namespace = await readLink(`/proc/${initPid}/ns/pid`);
  if (namespace === undefined) return [];
  const entries = (await readdir('/proc')).filter(entry => /^\d+$/.test(entry));
  const members = await Promise.all(
    entries.map(async entry => ((await readLink(`/proc/${entry}/ns/pid`)) === namespace ? Number(entry) : 0)),
  );
  return members.filter(pid => pid !== 0);
}

async function isGoneWithin(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadlineAtMs = performance.now() + timeoutMs;
  while (await isRunning(identity)) {
    if (performance.now() > deadlineAtMs) return false;
    // Clean-up goes on whatever was aborted, so no caller's signal here.
    await sleep(20, { signal: new AbortController().signal });
  }
  return true;
}

async function readStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readText(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

function parseStat(text: string): ProcessStat {
  // The command name may hold blanks and brackets; everything after the last bracket is plain.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
}

async function readBootID(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    // A process whose namespaces we may not even see is none of ours.
    if (isGone(error) || hasCode(error, 'EACCES')) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH');
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
