// Everything that a pod passes through, put together.
import { availableParallelism } from 'node:os';
import type { Config } from '../config/config.ts';
import { ImageManager } from '../image/image-manager.ts';
import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Semaphore } from '../lib/semaphore.ts';
import type { NodeController } from '../node/node-controller.ts';
import type { PodAdmission } from '../pod/admission.ts';
import { MirrorPods } from '../pod/mirror-pods.ts';
import { PodAllocator } from '../pod/pod-allocator.ts';
import { PodContextSource } from '../pod/pod-context-source.ts';
import { PodEvents } from '../pod/pod-events.ts';
import { PodsView } from '../pod/pods-view.ts';
import { RecentWarnings } from '../pod/recent-warnings.ts';
import { RuntimeClasses } from '../pod/runtime-classes.ts';
import { ServiceVariables } from '../pod/service-variables.ts';
import { StatusReporter } from '../pod/status-reporter.ts';
import { StorageLimits } from '../pod/storage-limits.ts';
import { PodWorkers } from '../pod/workers.ts';
import { ProbeManager } from '../probe/probe-manager.ts';
import type { ResourceCheckpoints } from '../resources/resource-checkpoint.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { StatusWriter } from '../status/writer.ts';
import { VolumeManager } from '../volume/volume-manager.ts';
import type { Edges } from './edges.ts';

export interface Pods {
  readonly snapshots: RuntimeSnapshots;
  readonly volumes: VolumeManager;
  readonly services: ServiceVariables;
  readonly writer: StatusWriter;
  readonly mirrors: MirrorPods;
  readonly checkpoints: ResourceCheckpoints;
  readonly probes: ProbeManager;
  readonly workers: PodWorkers;
  readonly storageLimits: StorageLimits;
  readonly view: PodsView;
  readonly warnings: RecentWarnings;
}

interface Parts {
  readonly config: Config;
  readonly edges: Edges;
  readonly node: NodeController;
  readonly admission: PodAdmission;
  readonly checkpoints: ResourceCheckpoints;
  readonly snapshots: RuntimeSnapshots;
  readonly logger: Logger;
}

export function buildPods(parts: Parts, { signal }: { readonly signal: AbortSignal }): Pods {
  const { config, edges, node, admission, checkpoints, snapshots, logger } = parts;
  const { client, connection, recorder } = edges;
  const { runtime } = connection;
  const clock = systemClock;
  const podLogger = logger.child({ component: 'pod' });
  const volumes = buildVolumes(parts);
  const writer = new StatusWriter({ client, logger, signal });
  const warnings = new RecentWarnings();
  const events = new PodEvents({ recorder, warnings, clock, logger: podLogger });
  const probes = new ProbeManager({
    runtime,
    clock,
    logger,
    emit: (pod, container, ...event) => events.container(pod, container)(...event),
    startedAtMs: clock.nowMs(),
  });
  const services = new ServiceVariables({ client, logger });
  const effects = buildEffects(parts, { volumes, events, services, logger: podLogger });
  const mirrors = new MirrorPods({
    client,
    node: () => node.view.current(),
    logger: podLogger,
    onGone: mirrorUID => writer.forget(mirrorUID),
  });
  node.view.onChange(() => mirrors.wake());
  const reporter = new StatusReporter({
    writer,
    mirrorOf: pod => mirrors.of(pod),
    clock,
    nodeIPs: () => nodeIPs(node),
    runtime: () => ({
      name: node.runtimeName,
      supportsRecursiveReadOnly: node.supportsRecursiveReadOnly(),
    }),
  });
  const crashBackoffMaxMs = config.pods.crashLoopBackOffMaxMs;
  const { allocated, actuated } = checkpoints;
  const isSwapShared = sharedSwapBytes(parts) > 0;
  const allocator = new PodAllocator({ allocated, admission, isSwapShared, events, logger });
  const workers = new PodWorkers(
    { effects, snapshots, reporter, probes, actuated, crashBackoffMaxMs, admission, allocator },
    { signal },
  );
  node.view.onChange(() => workers.reconsider());
  const view = new PodsView({ workers, statuses: reporter });
  const storageLimits = new StorageLimits({ runtime, workers, events, settings: config.pods, logger });
  return {
    snapshots,
    volumes,
    services,
    writer,
    mirrors,
    checkpoints,
    probes,
    workers,
    storageLimits,
    view,
    warnings,
  };
}

function buildVolumes({ config, edges: { client }, node, logger }: Parts): VolumeManager {
  const { rootDir } = config.pods;
  const facts = {
    allocatable: () => allocatable(node),
    labels: () => node.view.current()?.metadata.labels,
    uid: () => node.view.current()?.metadata.uid,
  };
  return new VolumeManager({ client, rootDir, logger, clock: systemClock, node: facts });
}

function buildEffects(
  parts: Parts,
  own: {
    readonly volumes: VolumeManager;
    readonly events: PodEvents;
    readonly services: ServiceVariables;
    readonly logger: Logger;
  },
) {
  const { config, edges, logger } = parts;
  const { client, connection, credentialPlugins: plugins, cgroups } = edges;
  const { runtime, images } = connection;
  const clock = systemClock;
  return {
    ...own,
    runtime,
    images: ImageManager.create(
      { images, secrets: own.volumes.objects, plugins, clock, logger },
      { rootDir: config.pods.rootDir, config: config.images },
    ),
    cgroups,
    contexts: buildContexts(parts),
    runtimeClasses: new RuntimeClasses({ client }),
    sandboxPlaces: new Semaphore(availableParallelism()),
    clock,
  };
}

// Version 1 cannot keep a container to a part of the swap.
function sharedSwapBytes({ config, edges: { cgroups }, node }: Parts): number {
  const isShared = cgroups.version === 2 && config.runtime.swapBehavior === 'LimitedSwap';
  return isShared ? node.machine.identity.swapBytes : 0;
}

function buildContexts(parts: Parts): PodContextSource {
  const { config, edges, node } = parts;
  const { cgroups, cgroupDriver, cgroupFeatures } = edges;
  const { memoryBytes, hugepages } = node.machine.resources;
  const settings = {
    pods: config.pods,
    maxPods: config.node.maxPods,
    cgroupRoot: config.runtime.cgroupRoot,
    cgroupVersion: cgroups.version,
    memoryBytes,
    hugepageSizes: cgroupFeatures.hasHugepageControl ? hugepages.map(({ pageBytes }) => pageBytes) : [],
    hasSwapControl: cgroupFeatures.hasSwapControl,
    sharedSwapBytes: sharedSwapBytes(parts),
  };
  return new PodContextSource(settings, {
    nodeIPs: () => nodeIPs(node),
    allocatable: () => allocatable(node),
    cgroupDriver: () => cgroupDriver.current,
    networkProblem: () => node.networkProblem(),
    supportsRecursiveReadOnly: () => node.supportsRecursiveReadOnly(),
    supportsUserNamespaces: handler => node.supportsUserNamespaces(handler),
    runtimeVersion: () => node.runtimeVersion,
  });
}

function nodeIPs(node: NodeController): readonly string[] {
  return (node.view.current()?.status?.addresses ?? node.addresses)
    .filter(({ type }) => type === 'InternalIP')
    .map(({ address }) => address);
}

function allocatable(node: NodeController): Readonly<Record<string, string>> {
  return (node.view.current() ?? node.localNode()).status?.allocatable ?? {};
}
