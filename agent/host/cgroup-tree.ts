// Cgroup directories of one hierarchy: create, list, kill, remove.
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type CgroupMount, cgroupDirectory } from './cgroup-layout.ts';
import { systemErrorCode } from './errors.ts';

export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Writes a control file; ENOENT when the kernel does not offer it. */
export async function writeControl(file: string, value: string): Promise<void> {
  await writeFile(file, value, { flag: 'r+' });
}

/** Creates a cgroup and its parents; false when it was there. */
export async function createCgroup(
  mount: CgroupMount,
  path: string,
  { hasCpuset }: { readonly hasCpuset: boolean },
): Promise<boolean> {
  const directory = cgroupDirectory(mount, path);
  const parent = dirname(path);
  let outcome = await makeDirectory(directory);
  if (outcome === 'noParent' && parent !== '/') {
    await createCgroup(mount, parent, { hasCpuset });
    outcome = await makeDirectory(directory);
  }
  // Also when it was there: the agent may have been killed right after the mkdir.
  if (hasCpuset) {
    await inheritCpuset(directory, 'cpuset.cpus');
    await inheritCpuset(directory, 'cpuset.mems');
  }
  return outcome === 'created';
}

async function makeDirectory(directory: string): Promise<'created' | 'present' | 'noParent'> {
  try {
    await mkdir(directory, 0o755);
    return 'created';
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return 'present';
    if (systemErrorCode(error) === 'ENOENT') return 'noParent';
    throw error;
  }
}

// A new version 1 cpuset is empty, and no process may enter it before it has CPUs and memory nodes.
async function inheritCpuset(directory: string, file: string): Promise<void> {
  if ((await readFile(`${directory}/${file}`, 'utf8')).trim() !== '') return;
  await writeControl(`${directory}/${file}`, await readFile(`${dirname(directory)}/${file}`, 'utf8'));
}

/** Names of the cgroups right below; none when the directory is gone. */
export async function childNames(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter(entry => entry.isDirectory()).map(entry => entry.name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** Process ids in the cgroup and below. */
export async function pidsBelow(directory: string): Promise<readonly number[]> {
  const [own, ...below] = await Promise.all([
    readPids(directory),
    ...(await childNames(directory)).map(name => pidsBelow(`${directory}/${name}`)),
  ]);
  return [...(own ?? []), ...below.flat()];
}

async function readPids(directory: string): Promise<readonly number[]> {
  try {
    const text = await readFile(`${directory}/cgroup.procs`, 'utf8');
    // 0 stands for a process of a PID namespace that is not below ours.
    return text
      .split('\n')
      .map(Number)
      .filter(pid => pid > 0);
  } catch (error) {
    // EOPNOTSUPP: a threaded version 2 cgroup; its processes are listed above it.
    if (isGone(error) || systemErrorCode(error) === 'EOPNOTSUPP') return [];
    throw error;
  }
}

/** Removes the cgroup and those below; false when something still runs in it. */
export async function removeTree(directory: string): Promise<boolean> {
  // Most have nothing below and nothing inside: one call.
  if (await removeDirectory(directory)) return true;
  const removed = await Promise.all(
    (await childNames(directory)).map(name => removeTree(`${directory}/${name}`)),
  );
  return !removed.includes(false) && (await removeDirectory(directory));
}

async function removeDirectory(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    if (isGone(error)) return true;
    if (systemErrorCode(error) === 'EBUSY') return false;
    throw error;
  }
}

/** SIGKILL; a process that is gone is done. */
export function killProcess(pid: number): void {
  // 0 and negative numbers mean process groups to kill(2), 1 is init, and we are never meant.
  if (pid <= 1 || pid === process.pid) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}

// ENODEV: the cgroup was removed while its file was open.
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes(systemErrorCode(error) ?? '');
}
