// A command that is ended at its timeout takes its children along. The runtime kills the one process it started and
// leaves what that started in the container, probe after probe. So shortly before the time is up we look what there is
// of it, and kill what is left of that afterwards.
//
// CRI does not tell the command's pid. Found is: the leader of a session, started since the call, a child of the
// container's shim and in the container's cgroups. If there are several, the one with the command's words; if that
// does not decide, nobody is killed.

import { isDeepStrictEqual } from 'node:util';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { type ProcessStat, readProcessStat, readUptimeSeconds } from '../host/proc.ts';
import {
  killProcess,
  listChildren,
  listDescendants,
  readCgroupText,
  readCommandLine,
} from '../host/process-tree.ts';

const TICKS_PER_SECOND = 100; // of the kernel's interface, whatever its own clock
const START_SLACK_SECONDS = 0.1;

interface Search {
  readonly runtime: RuntimeService;
  readonly containerId: string;
  readonly command: readonly string[];
  /** Of performance.now(). */
  readonly calledAtMs: number;
}

/** The processes of a running command, its first one first; none when they cannot be told for sure. */
export async function findExecTree(
  { runtime, containerId, command, calledAtMs }: Search,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly ProcessStat[]> {
  const initPid = parsePid(await runtime.containerInfo(containerId, { signal }));
  const init = initPid === undefined ? undefined : await readProcessStat(initPid);
  if (!init) return [];
  const startedAgo = (performance.now() - calledAtMs) / 1000 + START_SLACK_SECONDS;
  const sinceTicks = ((await readUptimeSeconds()) - startedAgo) * TICKS_PER_SECOND;
  const cgroups = await readCgroupText(init.pid);
  const leaders: ProcessStat[] = [];
  for (const child of await listChildren(init.parentPid)) {
    const isLeader =
      child.sessionId === child.pid && child.pid !== init.pid && child.startTicks >= sinceTicks;
    if (isLeader && (await readCgroupText(child.pid)) === cgroups) leaders.push(child);
  }
  const leader = leaders.length > 1 ? await onlyWith(command, leaders) : leaders[0];
  return leader ? [leader, ...(await listDescendants(leader.pid))] : [];
}

/** The tree with what its leader has started since; what it started and lost to another parent stays in it. */
export async function withChildren(
  leader: ProcessStat,
  tree: readonly ProcessStat[],
): Promise<readonly ProcessStat[]> {
  const known = new Map(tree.map(stat => [stat.pid, stat]));
  for (const stat of await listDescendants(leader.pid)) known.set(stat.pid, stat);
  return [...known.values()];
}

/** A zombie does not live: nobody but its parent has to do with it. */
export async function isAlive({ pid, startTicks }: ProcessStat): Promise<boolean> {
  const now = await readProcessStat(pid);
  return now?.startTicks === startTicks && now.state !== 'Z';
}

/** Kills what there still is of the tree, and what it has begotten since. */
export async function killTree(tree: readonly ProcessStat[]): Promise<void> {
  for (const stat of tree) {
    const descendants = await listDescendants(stat.pid);
    await killProcess(stat);
    for (const descendant of descendants) await killProcess(descendant);
  }
}

async function onlyWith(
  command: readonly string[],
  leaders: readonly ProcessStat[],
): Promise<ProcessStat | undefined> {
  const lines = await Promise.all(leaders.map(({ pid }) => readCommandLine(pid)));
  const [first, ...others] = leaders.filter((_, index) => isDeepStrictEqual(lines[index], command));
  return others.length === 0 ? first : undefined;
}

// What containerd and CRI-O tell in `info`, JSON with the pid of the container's first process.
function parsePid({ info }: Readonly<Record<string, string>>): number | undefined {
  const parsed: unknown = JSON.parse(info ?? 'null');
  if (typeof parsed !== 'object' || parsed === null || !('pid' in parsed)) return undefined;
  return typeof parsed.pid === 'number' && parsed.pid > 1 ? parsed.pid : undefined;
}
