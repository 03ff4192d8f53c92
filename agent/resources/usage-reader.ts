// Reads what pods use, from the kernel's files and only when asked.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CgroupDetails, CgroupUsage, CgroupUsageReader } from '../host/cgroup-usage.ts';
import { type InterfaceUsage, readInterfaces } from '../host/net-dev.ts';

export interface UsageTarget {
  readonly podUID: string;
  readonly cgroupPath: string;
  readonly sandboxId: string | undefined;
  readonly isHostNetwork: boolean;
  /** What runs. */
  readonly containerIds: readonly string[];
}

export interface CgroupReading {
  readonly path: string;
  readonly usage: CgroupUsage | undefined;
  readonly details: CgroupDetails | undefined;
}

export interface PodReading {
  readonly pod: CgroupReading;
  readonly sandbox: CgroupReading | undefined;
  readonly containers: ReadonlyMap<string, CgroupReading>;
  readonly network: readonly InterfaceUsage[] | undefined;
  readonly processCount: number;
}

export interface ReadingDepth {
  /** Links and process counts. */
  readonly hasNetwork: boolean;
  /** What only the cAdvisor metrics tell, for the pod's sandbox as well. */
  readonly hasDetails: boolean;
}

// Reading is synchronous: so much of it at a time that nothing else waits long.
const TURN_MS = 4;

export class UsageReader {
  readonly #files: CgroupUsageReader;
  readonly #isSystemd: () => boolean;
  /** The first process of a sandbox stays the same as long as the sandbox lives. */
  readonly #pids = new Map<string, number>();

  constructor(files: CgroupUsageReader, { isSystemd }: { readonly isSystemd: () => boolean }) {
    this.#files = files;
    this.#isSystemd = isSystemd;
  }

  /** By pod UID. What ends meanwhile has no figures. */
  async readPods(
    targets: readonly UsageTarget[],
    depth: ReadingDepth,
  ): Promise<ReadonlyMap<string, PodReading>> {
    this.#forgetPids(targets);
    const readings = new Map<string, PodReading>();
    let turnEndsAtMs = performance.now() + TURN_MS;
    for (const target of targets) {
      if (performance.now() > turnEndsAtMs) {
        await nextTurn();
        turnEndsAtMs = performance.now() + TURN_MS;
      }
      readings.set(target.podUID, this.#readPod(target, depth));
    }
    return readings;
  }

  read(path: string, { hasDetails }: { readonly hasDetails: boolean }): CgroupReading {
    const usage = this.#files.readUsage(path);
    return { path, usage, details: hasDetails && usage ? this.#files.readDetails(path) : undefined };
  }

  #readPod(target: UsageTarget, { hasNetwork, hasDetails }: ReadingDepth): PodReading {
    const { cgroupPath, sandboxId, containerIds } = target;
    const containers = containerIds.map(
      id => [id, this.read(this.#containerPath(cgroupPath, id), { hasDetails })] as const,
    );
    const paths = hasNetwork ? containers.map(([, { path }]) => path) : [];
    return {
      pod: this.read(cgroupPath, { hasDetails }),
      sandbox:
        hasDetails && sandboxId !== undefined
          ? this.read(this.#containerPath(cgroupPath, sandboxId), { hasDetails })
          : undefined,
      containers: new Map(containers),
      network: hasNetwork ? this.#readNetwork(target) : undefined,
      processCount: paths.reduce((sum, path) => sum + this.#files.readPids(path).length, 0),
    };
  }

  #readNetwork({ cgroupPath, sandboxId, isHostNetwork }: UsageTarget): readonly InterfaceUsage[] | undefined {
    if (isHostNetwork) return readInterfaces('self');
    if (sandboxId === undefined) return undefined;
    const pid =
      this.#pids.get(sandboxId) ?? this.#files.readPids(this.#containerPath(cgroupPath, sandboxId))[0];
    if (pid === undefined) return undefined;
    this.#pids.set(sandboxId, pid);
    return readInterfaces(pid);
  }

  // As runc and containerd place them: by ID below the pod's cgroup, or in a scope of systemd's.
  #containerPath(podPath: string, id: string): string {
    return this.#isSystemd() ? `${podPath}/cri-containerd-${id}.scope` : `${podPath}/${id}`;
  }

  #forgetPids(targets: readonly UsageTarget[]): void {
    if (this.#pids.size === 0) return;
    const sandboxIds = new Set(targets.map(({ sandboxId }) => sandboxId));
    for (const id of this.#pids.keys()) if (!sandboxIds.has(id)) this.#pids.delete(id);
  }
}
