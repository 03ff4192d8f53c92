// Cgroups of version 1 (all mounted hierarchies in step) and version 2, by their files.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { UnavailableError } from '../lib/errors.ts';
import { sleep } from '../lib/sleep.ts';
import { buildCgroupLayout, type CgroupLayout, type CgroupMount, cgroupDirectory } from './cgroup-layout.ts';
import { buildCgroupWrites, type CgroupLimits } from './cgroup-limits.ts';
import {
  childNames,
  createCgroup,
  isDirectory,
  killProcess,
  pidsBelow,
  removeTree,
  writeControl,
} from './cgroup-tree.ts';
import { mapped, systemErrorCode } from './errors.ts';
import { listMounts } from './mount-info.ts';

// The version 2 controllers that pods need; whichever the root offers are handed down.
const WANTED_CONTROLLERS = ['cpu', 'cpuset', 'memory', 'io', 'pids', 'hugetlb'];

// A killed process may take a moment to leave: 10, 20, 40, 80, 160 ms, as many tries as the kubelet's.
const REMOVE_TRIES = 5;
const FIRST_REMOVE_DELAY_MS = 10;

/** The layout of this machine; undefined when no cgroup file system is mounted. */
export async function readCgroupLayout(): Promise<CgroupLayout | undefined> {
  return buildCgroupLayout(await listMounts());
}

export interface EnsuredCgroup {
  readonly isCreated: boolean;
  /** Controllers a limit was asked of and which the machine does not have. */
  readonly missingControllers: readonly string[];
}

/** Paths are absolute from the root of the mounted hierarchies, e.g. `/kubepods/burstable/pod1234`. */
export class Cgroups {
  readonly version: 1 | 2;
  readonly #hierarchies: readonly CgroupMount[];
  readonly #layout: CgroupLayout;

  constructor(layout: CgroupLayout) {
    this.#layout = layout;
    this.version = layout.mode === 'v2' ? 2 : 1;
    const mounts = layout.mode === 'v2' && layout.unified ? [layout.unified] : layout.controllers.values();
    this.#hierarchies = [...new Map([...mounts].map(mount => [mount.directory, mount])).values()];
  }

  /** The directory that holds a controller's files of a cgroup; undefined without that controller. */
  directory(path: string, controller: string): string | undefined {
    const mount = this.version === 2 ? this.#layout.unified : this.#layout.controllers.get(controller);
    return mount && cgroupDirectory(mount, path);
  }

  /** Whether the cgroup is there in every hierarchy, on version 2 with every controller that the root has. */
  exists(path: string): Promise<boolean> {
    return mapped(this.#exists(path));
  }

  /** Creates the cgroup with its parents and writes the limits given. */
  ensure(path: string, limits: CgroupLimits): Promise<EnsuredCgroup> {
    return mapped(this.#ensure(path, limits));
  }

  /** Removes the cgroup and all below it, killing what still runs there; not there is done. */
  remove(path: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    return mapped(this.#remove(path, signal));
  }

  /** Names of the cgroups right below, in any hierarchy; none when the cgroup is not there. */
  async listChildren(path: string): Promise<readonly string[]> {
    const names = await mapped(Promise.all(this.#directories(path).map(directory => childNames(directory))));
    return [...new Set(names.flat())];
  }

  /** Process ids in the cgroup and below, those this PID namespace can see. */
  async listPids(path: string): Promise<readonly number[]> {
    const pids = await mapped(Promise.all(this.#directories(path).map(directory => pidsBelow(directory))));
    return [...new Set(pids.flat())];
  }

  async #exists(path: string): Promise<boolean> {
    const found = await Promise.all(this.#directories(path).map(directory => isDirectory(directory)));
    if (found.includes(false)) return false;
    return this.version === 1 || (await this.#missingFrom(path)).length === 0;
  }

  async #ensure(path: string, limits: CgroupLimits): Promise<EnsuredCgroup> {
    requireOwnPath(path);
    const created = await Promise.all(this.#hierarchies.map(mount => this.#create(mount, path)));
    if (this.version === 2) await this.#handDownControllers(path);
    return { isCreated: created.includes(true), missingControllers: await this.#write(path, limits) };
  }

  async #remove(path: string, signal: AbortSignal): Promise<void> {
    requireOwnPath(path);
    for (let attempt = 0; ; attempt++) {
      const removed = await Promise.all(this.#removable(path).map(directory => removeTree(directory)));
      if (!removed.includes(false)) return;
      const pids = await this.#kill(path);
      signal.throwIfAborted();
      if (attempt === REMOVE_TRIES) {
        const left = pids.length > 0 ? `processes ${pids.slice(0, 5).join(', ')} do not end` : 'still in use';
        throw new UnavailableError(`remove cgroup ${path}: ${left}`, { code: 'EBUSY' });
      }
      await sleep(FIRST_REMOVE_DELAY_MS * 2 ** attempt, { signal });
    }
  }

  #create(mount: CgroupMount, path: string): Promise<boolean> {
    const hasCpuset = this.#layout.controllers.get('cpuset')?.directory === mount.directory;
    return createCgroup(mount, path, { hasCpuset });
  }

  #directories(path: string): string[] {
    return this.#hierarchies.map(mount => cgroupDirectory(mount, path));
  }

  // runc puts its processes into the version 2 hierarchy beside the controllers too, and leaves the parents there.
  #removable(path: string): string[] {
    const { mode, unified } = this.#layout;
    const beside = mode === 'hybrid' && unified ? [cgroupDirectory(unified, path)] : [];
    return [...this.#directories(path), ...beside];
  }

  async #write(path: string, limits: CgroupLimits): Promise<readonly string[]> {
    const missing = new Set<string>();
    for (const { controller, file, value } of buildCgroupWrites(this.version, limits)) {
      const directory = this.directory(path, controller);
      try {
        if (directory === undefined) missing.add(controller);
        else await writeControl(`${directory}/${file}`, value);
      } catch (error) {
        // The cgroup is there, so a file that is not means that the controller is not.
        if (systemErrorCode(error) !== 'ENOENT' || !directory || !(await isDirectory(directory))) throw error;
        missing.add(controller);
      }
    }
    return [...missing];
  }

  async #missingFrom(path: string): Promise<readonly string[]> {
    const [offered, present] = await Promise.all([this.#controllersOf('/'), this.#controllersOf(path)]);
    return WANTED_CONTROLLERS.filter(name => offered.has(name) && !present.has(name));
  }

  async #controllersOf(path: string): Promise<ReadonlySet<string>> {
    const [directory] = this.#directories(path);
    return new Set((await readFile(`${directory}/cgroup.controllers`, 'utf8')).trim().split(' '));
  }

  // cgroups(7) "top-down constraint": a cgroup hands on only what its parent handed to it.
  async #handDownControllers(path: string): Promise<void> {
    const missing = await this.#missingFrom(path);
    if (missing.length === 0) return;
    for (const parent of ancestors(path)) {
      const [directory] = this.#directories(parent);
      await writeControl(`${directory}/cgroup.subtree_control`, missing.map(name => `+${name}`).join(' '));
    }
  }

  async #kill(path: string): Promise<readonly number[]> {
    const pids = await this.listPids(path);
    for (const pid of pids) killProcess(pid);
    return pids;
  }
}

// The root is the machine's: its limits are not ours to set and its processes not ours to kill.
function requireOwnPath(path: string): void {
  assert(/^(\/[^/]+)+$/.test(path) && !path.split('/').includes('..'), `not a cgroup path: ${path}`);
}

/** `/`, `/a`, `/a/b` for `/a/b/c`. */
function ancestors(path: string): readonly string[] {
  const parts = path.split('/').slice(1, -1);
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}
