// Collects the node's statistics when somebody asks; those who ask meanwhile get the same answer.
import type { Pod } from '../../api/objects.ts';
import { readInterfaces } from '../../host/net-dev.ts';
import { readMemInfo, readUptimeSeconds } from '../../host/proc.ts';
import { readProcessLimits } from '../../host/process-limits.ts';
import { UsageRates } from '../../resources/usage-rates.ts';
import type { CgroupReading, PodReading, UsageReader, UsageTarget } from '../../resources/usage-reader.ts';
import { newestInstance, type ObservedContainer, type ObservedPod } from '../../runtime/observed-pod.ts';
import type {
  ContainerStats,
  MeasuredUsage,
  NodeStats,
  PodStats,
  SharedFilesystem,
  SystemContainerStats,
  VolumeStats,
} from './node-stats.ts';
import type { RuntimeStorage, StorageStats } from './storage-stats.ts';

/** `usage`: cpu, memory, swap. `summary`: also links and disks. `cadvisor`: all there is in the cgroups, and links. */
export type StatsKind = 'usage' | 'summary' | 'cadvisor';

export interface StatsCollectorDeps {
  readonly nodeName: string;
  readonly memoryBytes: number;
  readonly desiredPods: () => readonly Pod[];
  readonly observedPod: (podUID: string) => ObservedPod | undefined;
  readonly podCgroupPath: (pod: Pod) => string;
  /** The cgroup that holds all pods. */
  readonly podsCgroupPath: () => string;
  readonly allocatableMemoryBytes: () => number | undefined;
  /** Of the agent and the runtime, by their names in the answers, as far as they have cgroups of their own. */
  readonly systemCgroups: ReadonlyMap<string, string>;
  readonly reader: UsageReader;
  readonly storage: StorageStats;
}

interface RunningPod {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly running: readonly ObservedContainer[];
  readonly target: UsageTarget;
}

export class StatsCollector {
  readonly #deps: StatsCollectorDeps;
  readonly #rates = new UsageRates();
  readonly #pending = new Map<StatsKind, Promise<NodeStats>>();
  readonly #startedAtMs = Date.now();

  constructor(deps: StatsCollectorDeps) {
    this.#deps = deps;
  }

  async collect(kind: StatsKind): Promise<NodeStats> {
    const pending = this.#pending.get(kind);
    if (pending) return await pending;
    const work = this.#collect(kind);
    this.#pending.set(kind, work);
    try {
      return await work;
    } finally {
      this.#pending.delete(kind);
    }
  }

  async #collect(kind: StatsKind): Promise<NodeStats> {
    const { nodeName, memoryBytes, reader, storage } = this.#deps;
    const isSummary = kind === 'summary';
    const hasDetails = kind === 'cadvisor';
    const pods = this.#runningPods();
    const [memInfo, uptimeSeconds, fs, runtime, rlimit] = await Promise.all([
      readMemInfo(),
      readUptimeSeconds(),
      kind === 'usage' ? undefined : storage.node(),
      isSummary ? storage.runtime() : undefined,
      isSummary ? readProcessLimits() : undefined,
    ]);
    const targets = pods.map(({ target }) => target);
    const readings = await reader.readPods(targets, { hasNetwork: kind !== 'usage', hasDetails });
    const atMs = Date.now();
    const stats = pods.map(pod => this.#buildPod(pod, readings.get(pod.target.podUID), fs, runtime));
    const root = this.#measure(reader.read('/', { hasDetails }));
    this.#forgetOld();
    return {
      nodeName,
      atMs,
      bootAtMs: atMs - uptimeSeconds * 1000,
      root,
      memoryBytes,
      swap: { totalBytes: memInfo.get('SwapTotal') ?? 0, freeBytes: memInfo.get('SwapFree') ?? 0 },
      systemContainers: this.#systemContainers(hasDetails),
      pods: (await Promise.all(stats)).filter(pod => pod !== undefined),
      network: kind === 'usage' ? undefined : readInterfaces('self'),
      fs,
      imageFs: runtime?.imageFs,
      rlimit,
    };
  }

  // As upstream: a pod of which nothing runs has no statistics.
  #runningPods(): readonly RunningPod[] {
    const { desiredPods, observedPod, podCgroupPath } = this.#deps;
    return desiredPods().flatMap(pod => {
      const observed = observedPod(pod.metadata.uid ?? '');
      const running = observed?.containers.filter(({ state }) => state === 'running') ?? [];
      if (!observed || running.length === 0) return [];
      const target = {
        podUID: observed.podUID,
        cgroupPath: podCgroupPath(pod),
        sandboxId: observed.sandboxes[0]?.id,
        isHostNetwork: pod.spec.hostNetwork === true,
        containerIds: running.map(({ id }) => id),
      };
      return [{ pod, observed, running, target }];
    });
  }

  #systemContainers(hasDetails: boolean): NodeStats['systemContainers'] {
    const { podsCgroupPath, allocatableMemoryBytes, systemCgroups, reader } = this.#deps;
    const build = (name: string, path: string, limitBytes?: number): SystemContainerStats => ({
      name,
      createdAtMs: this.#startedAtMs,
      measured: this.#measure(reader.read(path, { hasDetails })),
      limitBytes,
    });
    const others = [...systemCgroups].map(([name, path]) => build(name, path));
    return [...others, build('pods', podsCgroupPath(), allocatableMemoryBytes())];
  }

  async #buildPod(
    { pod, observed, running, target }: RunningPod,
    reading: PodReading | undefined,
    nodeFs: NodeStats['fs'],
    runtime: RuntimeStorage | undefined,
  ): Promise<PodStats | undefined> {
    if (!reading) return undefined;
    const [sandbox] = observed.sandboxes;
    const volumes = runtime ? await this.#deps.storage.volumes(pod) : [];
    const newest = running.filter(container => newestInstance(observed, container.name) === container);
    const containers = await Promise.all(
      newest.map(async container => ({
        ...this.#buildContainer(container, reading),
        ...(await this.#containerStorage(pod, container, nodeFs, runtime)),
      })),
    );
    const { namespace = 'default', name } = pod.metadata;
    return {
      name,
      namespace,
      uid: observed.podUID,
      createdAtMs: sandbox?.createdAtMs ?? 0,
      isHostNetwork: target.isHostNetwork,
      measured: this.#measure(reading.pod),
      sandbox: sandbox && {
        id: sandbox.id,
        createdAtMs: sandbox.createdAtMs,
        measured: reading.sandbox && this.#measure(reading.sandbox),
      },
      containers,
      network: reading.network,
      processCount: reading.processCount,
      volumes,
      ephemeralStorage: runtime && nodeFs && { filesystem: nodeFs, usage: sumEphemeral(containers, volumes) },
    };
  }

  #buildContainer(
    { id, name, image, createdAtMs, startedAtMs }: ObservedContainer,
    reading: PodReading,
  ): Omit<ContainerStats, 'rootfs' | 'logs'> {
    const measured = this.#measure(
      reading.containers.get(id) ?? { path: '', usage: undefined, details: undefined },
    );
    return { id, name, image, createdAtMs, startedAtMs: startedAtMs ?? createdAtMs, measured };
  }

  async #containerStorage(
    pod: Pod,
    { id, name }: ObservedContainer,
    nodeFs: NodeStats['fs'],
    runtime: RuntimeStorage | undefined,
  ): Promise<Pick<ContainerStats, 'rootfs' | 'logs'>> {
    if (!runtime || !nodeFs) return { rootfs: undefined, logs: undefined };
    const layer = runtime.writableLayers.get(id);
    const logs: SharedFilesystem = {
      filesystem: nodeFs,
      usage: await this.#deps.storage.logs(pod, name),
    };
    const rootfs = layer && runtime.imageFs && { filesystem: runtime.imageFs.filesystem, usage: layer };
    return { rootfs, logs };
  }

  #measure({ path, usage, details }: CgroupReading): MeasuredUsage {
    const usageNanoCores =
      usage?.cpu && this.#rates.measure(path, usage.cpu.usageNanoseconds, performance.now());
    return { path, usage, details, usageNanoCores };
  }

  #forgetOld(): void {
    this.#rates.forgetOld(performance.now());
    this.#deps.storage.forgetOld();
  }
}

function sumEphemeral(
  containers: readonly ContainerStats[],
  volumes: readonly VolumeStats[],
): SharedFilesystem['usage'] {
  const shares = [
    ...containers.flatMap(({ rootfs, logs }) => [rootfs?.usage, logs?.usage]),
    ...volumes.filter(({ isEphemeral }) => isEphemeral).map(({ fs }) => fs),
  ];
  return {
    usedBytes: shares.reduce((sum, share) => sum + (share?.usedBytes ?? 0), 0),
    inodesUsed: shares.reduce((sum, share) => sum + (share?.inodesUsed ?? 0), 0),
  };
}
