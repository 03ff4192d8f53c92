// The sandboxes' own subtree `/nodelet/<sandbox>/...` of every cgroup hierarchy the machine has. Membership is also
// what proves a process to be ours: nothing is ever ended but by being in there.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sleep } from '../../agent/lib/sleep.ts';
import { quote } from './shell.ts';

export interface CgroupHierarchy {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** Version 1: the options that mount the same hierarchy again, e.g. `cpu,cpuacct` or `none,name=systemd`. */
  readonly mountOptions: string;
}

// Version 2 lets no cgroup have both processes and controlled children, so a node's own processes sit in a leaf.
const PROCESS_LEAF = 'system';

const KILL_TIMEOUT_MS = 20_000;
const REAP_TIMEOUT_MS = 5000;
const REMOVE_TIMEOUT_MS = 5000;

const PLAIN_MOUNT_OPTIONS = new Set(['rw', 'ro', 'xattr', 'noprefix', 'clone_children', 'cpuset_v2_mode']);

export function parseCgroupMounts(mountInfo: string): CgroupHierarchy[] {
  return mountInfo.split('\n').flatMap((line): CgroupHierarchy[] => {
    // proc_pid_mountinfo(5): ... (5) mount point ... - type source superoptions
    const [mount = '', superblock = ''] = line.split(' - ');
    const mountPoint = mount.split(' ')[4] ?? '';
    const [type, , superOptions = ''] = superblock.split(' ');
    if (type === 'cgroup2') return [{ version: 2, mountPoint, mountOptions: '' }];
    if (type !== 'cgroup') return [];
    const options = superOptions
      .split(',')
      .filter(option => !PLAIN_MOUNT_OPTIONS.has(option) && !option.startsWith('release_agent='));
    const hasController = options.some(option => !option.startsWith('name='));
    return [
      { version: 1, mountPoint, mountOptions: [...(hasController ? [] : ['none']), ...options].join(',') },
    ];
  });
}

export async function listCgroupHierarchies(): Promise<CgroupHierarchy[]> {
  return parseCgroupMounts(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** True where version 2 carries the controllers; false on version 1, with or without a bare version 2 beside it. */
export function isUnified(hierarchies: readonly CgroupHierarchy[]): boolean {
  return hierarchies.every(({ version }) => version === 2);
}

/** Makes the cgroup (e.g. `nodelet/dev/node-1`) in every hierarchy, ready to hold processes and children. */
export async function ensureCgroup(path: string): Promise<void> {
  const hierarchies = await listCgroupHierarchies();
  for (const hierarchy of hierarchies) {
    // All of it at once: from then on no other sandbox's end can take the upper parts away as empty.
    await mkdir(join(hierarchy.mountPoint, path), { recursive: true });
    for (const ancestor of ancestors(path)) {
      const directory = join(hierarchy.mountPoint, ancestor);
      if (isUnified(hierarchies)) await delegateControllers(dirname(directory));
      if (isCpuset(hierarchy)) await inheritCpus(directory);
    }
    if (isUnified(hierarchies))
      await mkdir(join(hierarchy.mountPoint, path, PROCESS_LEAF), { recursive: true });
  }
}

/** `a`, `a/b` and `a/b/c` for `a/b/c`. */
function ancestors(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Moves the cgroup's processes to their leaf, where there is one, and lets its children have all controllers. */
export async function delegateCgroup(path: string): Promise<void> {
  const hierarchies = await listCgroupHierarchies();
  if (!isUnified(hierarchies)) return;
  for (const { mountPoint } of hierarchies) {
    const directory = join(mountPoint, path);
    // A process may have forked meanwhile, so look again.
    for (let pids = await readProcesses(directory); pids.length > 0; pids = await readProcesses(directory)) {
      for (const pid of pids) await moveIfPresent(pid, join(directory, PROCESS_LEAF));
    }
    await delegateControllers(directory);
  }
}

async function moveIfPresent(pid: number, directory: string): Promise<void> {
  try {
    await writeFile(join(directory, 'cgroup.procs'), String(pid));
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

/** Shell text that moves the shell which runs it into the cgroup; what it starts is born there. */
export function joinCgroupScript(path: string, hierarchies: readonly CgroupHierarchy[]): string {
  return enterCgroupRootScript(isUnified(hierarchies) ? join(path, PROCESS_LEAF) : path, hierarchies);
}

/** Like `joinCgroupScript`, but stays above the leaf: a cgroup namespace made there has this cgroup as its root. */
export function enterCgroupRootScript(path: string, hierarchies: readonly CgroupHierarchy[]): string {
  return hierarchies
    .map(({ mountPoint }) => `echo 0 > ${quote(join(mountPoint, path, 'cgroup.procs'))}`)
    .join(' && ');
}

/** Host pids of every process in the cgroup and below it. */
async function listCgroupProcesses(path: string): Promise<number[]> {
  const pids = new Set<number>();
  for (const { mountPoint } of await listCgroupHierarchies()) {
    for (const directory of await listTree(join(mountPoint, path))) {
      for (const pid of await readProcesses(directory)) pids.add(pid);
    }
  }
  return [...pids];
}

/** Ends everything in the cgroup and removes it from every hierarchy, with the parents that are empty then. */
export async function destroyCgroup(path: string): Promise<void> {
  await killCgroup(path);
  for (const { mountPoint } of await listCgroupHierarchies()) {
    const tree = await listTree(join(mountPoint, path));
    for (const directory of tree.toReversed()) await removeCgroup(directory);
    const parents = ancestors(path).slice(0, -1).toReversed();
    for (const parent of parents) await removeIfEmpty(join(mountPoint, parent));
  }
}

async function killCgroup(path: string): Promise<void> {
  const killed = new Set<number>();
  const deadlineAtMs = performance.now() + KILL_TIMEOUT_MS;
  while (true) {
    const pids = await listCgroupProcesses(path);
    if (pids.length === 0) break;
    if (performance.now() > deadlineAtMs) throw new Error(`processes ${pids.join(', ')} do not end`);
    for (const pid of pids) {
      killed.add(pid);
      killIfPresent(pid);
    }
    await pause();
  }
  // The dead are in no cgroup, but in the process list until the machine's init has reaped them.
  const reapedAtMs = performance.now() + REAP_TIMEOUT_MS;
  while (performance.now() < reapedAtMs && [...killed].some(pid => existsSync(`/proc/${pid}`))) await pause();
}

/** Clean-up runs whatever was aborted, so there is no signal to hand in. */
async function pause(): Promise<void> {
  await sleep(20, { signal: new AbortController().signal });
}

function killIfPresent(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

/** The directory and all below it, parents first. */
async function listTree(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    const children = entries.filter(entry => entry.isDirectory()).map(entry => join(directory, entry.name));
    return [directory, ...(await Promise.all(children.map(listTree))).flat()];
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function readProcesses(directory: string): Promise<number[]> {
  try {
    const text = await readFile(join(directory, 'cgroup.procs'), 'utf8');
    return text.split('\n').filter(Boolean).map(Number);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENODEV')) return [];
    throw error;
  }
}

async function removeCgroup(directory: string): Promise<void> {
  const deadlineAtMs = performance.now() + REMOVE_TIMEOUT_MS;
  // A process that has ended holds its cgroup until it is reaped.
  while (!(await removeIfEmpty(directory))) {
    if (performance.now() > deadlineAtMs) throw new Error(`${directory} stays busy`);
    await pause();
  }
}

/** False when the directory has processes or children, of another sandbox for instance. */
async function removeIfEmpty(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (hasCode(error, 'EBUSY')) return false;
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  return true;
}

function isCpuset({ mountOptions, mountPoint }: CgroupHierarchy): boolean {
  return mountOptions.split(',').includes('cpuset') || basename(mountPoint) === 'cpuset';
}

/** A version 1 cpuset starts without CPUs and can hold no process until it has some. */
async function inheritCpus(directory: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if ((await readFile(join(directory, file), 'utf8')).trim() !== '') continue;
    await writeFile(join(directory, file), await readFile(join(directory, '..', file), 'utf8'));
  }
  await writeFile(join(directory, 'cgroup.clone_children'), '1');
}

async function delegateControllers(directory: string): Promise<void> {
  const available = (await readFile(join(directory, 'cgroup.controllers'), 'utf8')).trim().split(/\s+/);
  const wanted = available.filter(Boolean).map(controller => `+${controller}`);
  if (wanted.length > 0) await writeFile(join(directory, 'cgroup.subtree_control'), wanted.join(' '));
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
