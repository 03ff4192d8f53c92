// The cgroups of pods and of what holds them, by whoever owns the tree: us, or systemd with its slices.
import type { Cgroups, EnsuredCgroup } from './cgroup.ts';
import type { CgroupLimits } from './cgroup-limits.ts';
import type { CgroupDriver } from './cgroup-names.ts';
import { ensureSlice, stopSlice, withWholePercents } from './systemd-slice.ts';

interface Options {
  readonly signal: AbortSignal;
}

/** Paths are those of buildCgroupPath for the same driver. */
export class PodCgroups {
  readonly #cgroups: Cgroups;
  readonly #driver: () => CgroupDriver;

  constructor(cgroups: Cgroups, driver: () => CgroupDriver) {
    this.#cgroups = cgroups;
    this.#driver = driver;
  }

  get version(): 1 | 2 {
    return this.#cgroups.version;
  }

  /** Creates the cgroup with its parents, or sets the limits of the one that is there. */
  async ensure(path: string, limits: CgroupLimits, { signal }: Options): Promise<EnsuredCgroup> {
    if (this.#driver() !== 'systemd') return await this.#cgroups.ensure(path, limits);
    const kept = withWholePercents(limits);
    await ensureSlice(path, { limits: kept, version: this.#cgroups.version, signal });
    // systemd makes only the controllers it accounts for and knows no huge pages; the values are the same.
    return await this.#cgroups.ensure(path, kept);
  }

  /** Removes the cgroup and all below it, killing what still runs there; not there is done. */
  async remove(path: string, { signal }: Options): Promise<void> {
    if (this.#driver() === 'systemd') await stopSlice(path, { signal });
    await this.#cgroups.remove(path, { signal });
  }
}
