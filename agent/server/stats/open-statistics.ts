// Puts the statistics together.

import type { Pod } from '../../api/objects.ts';
import type { Config } from '../../config/config.ts';
import type { ImageService } from '../../cri/image-service.ts';
import type { RuntimeService } from '../../cri/runtime-service.ts';
import { buildCgroupPath, type CgroupDriver } from '../../host/cgroup-names.ts';
import type { CgroupUsageReader } from '../../host/cgroup-usage.ts';
import type { Logger } from '../../lib/logger.ts';
import { buildQosClass } from '../../resources/pod-resources.ts';
import { wholeValue } from '../../resources/quantity.ts';
import { UsageReader } from '../../resources/usage-reader.ts';
import type { RuntimeSnapshots } from '../../runtime/snapshots.ts';
import type { MachineDescription } from './build-cadvisor-metrics.ts';
import { Statistics } from './statistics.ts';
import { StatsCollector } from './stats-collector.ts';
import { type StorageDeps, StorageStats } from './storage-stats.ts';

export interface StatisticsSources {
  readonly config: Config;
  readonly version: string;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly usage: CgroupUsageReader;
  readonly cgroupDriver: () => CgroupDriver;
  /** The agent's; undefined where it has none for itself. */
  readonly ownCgroup: string | undefined;
  readonly snapshots: RuntimeSnapshots;
  /** As they were asked for. */
  readonly desiredPods: () => readonly Pod[];
  /** With the newest statuses. */
  readonly pods: () => readonly Pod[];
  readonly volumesOf: StorageDeps['volumesOf'];
  readonly machine: MachineDescription & { readonly memoryBytes: number };
  readonly allocatable: () => Readonly<Record<string, string>>;
  readonly logger: Logger;
}

export function openStatistics(
  sources: StatisticsSources,
  { signal }: { readonly signal: AbortSignal },
): Statistics {
  const { config, runtime, images, usage, cgroupDriver, snapshots, pods, machine, allocatable } = sources;
  const { cgroupRoot } = config.runtime;
  const nodeName = config.node.name;
  const { volumesOf } = sources;
  const storage = new StorageStats({ runtime, images, volumesOf, settings: config.pods, signal });
  const collector = new StatsCollector({
    nodeName,
    memoryBytes: machine.memoryBytes,
    desiredPods: sources.desiredPods,
    observedPod: uid => snapshots.get(uid),
    podCgroupPath: ({ spec, metadata }) =>
      buildCgroupPath({
        driver: cgroupDriver(),
        cgroupRoot,
        qosClass: buildQosClass(spec),
        podUID: metadata.uid ?? '',
      }),
    podsCgroupPath: () => buildCgroupPath({ driver: cgroupDriver(), cgroupRoot }),
    systemCgroups: systemCgroups(sources),
    allocatableMemoryBytes: () => {
      const { memory } = allocatable();
      return memory === undefined ? undefined : wholeValue(memory);
    },
    reader: new UsageReader(usage, { isSystemd: () => cgroupDriver() === 'systemd' }),
    storage,
  });
  return new Statistics({
    collector,
    storage,
    nodeName,
    desiredPods: pods,
    observedPods: () => snapshots.all(),
    machine,
    cgroupVersion: usage.version,
    version: sources.version,
    logger: sources.logger.child({ component: 'stats' }),
  });
}

function systemCgroups({ ownCgroup, config }: StatisticsSources): ReadonlyMap<string, string> {
  const { runtimeCgroups } = config.runtime;
  return new Map([
    ...(ownCgroup === undefined ? [] : [['kubelet', ownCgroup] as const]),
    ...(runtimeCgroups === '' ? [] : [['runtime', runtimeCgroups] as const]),
  ]);
}
