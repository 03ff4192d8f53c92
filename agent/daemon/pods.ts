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

export function buildPods(
  config: Config,
  { client, credentialPlugins, connection, cgroupDriver, cgroups, cgroupFeatures, recorder }: Edges,
  node: NodeController,
  { admission, checkpoints }: { admission: PodAdmission; checkpoints: ResourceCheckpoints },
  snapshots: RuntimeSnapshots,
  logger: Logger,
  signal: AbortSignal,
): Pods {
  const clock = systemClock;
  const { runtime, images } = connection;
  const nodeIPs = (): readonly string[] =>
    (node.view.current()?.status?.addresses ?? node.addresses)
      .filter(({ type }) => type === 'InternalIP')
      .map(({ address }) => address);
  const allocatable = (): Readonly<Record<string, string>> =>
    (node.view.current() ?? node.localNode()).status?.allocatable ?? {};
  const { rootDir } = config.pods;
  const labels = (): Readonly<Record<string, string>> | undefined => node.view.current()?.metadata.labels;
  const nodeFacts = { allocatable, labels, uid: () => node.view.current()?.metadata.uid };
  const volumes = new VolumeManager({ client, rootDir, logger, clock, node: nodeFacts });
  const writer = new StatusWriter({ client, logger, signal });
  const warnings = new RecentWarnings();
  const events = new PodEvents({ recorder, warnings, clock, logger: logger.child({ component: 'pod' }) });
  const probes = new ProbeManager({
    runtime,
    clock,
    logger,
    emit: (pod, container, ...event) => events.container(pod, container)(...event),
    startedAtMs: clock.nowMs(),
  });
  const contexts = new PodContextSource(
    {
      pods: config.pods,
      maxPods: config.node.maxPods,
      cgroupRoot: config.runtime.cgroupRoot,
      cgroupVersion: cgroups.version,
      memoryBytes: node.machine.resources.memoryBytes,
      hugepageSizes: cgroupFeatures.hasHugepageControl
        ? node.machine.resources.hugepages.map(({ pageBytes }) => pageBytes)
        : [],
      hasSwapControl: cgroupFeatures.hasSwapControl,
    },
    {
      nodeIPs,
      allocatable,
      cgroupDriver: () => cgroupDriver.current,
      networkProblem: () => node.networkProblem(),
      supportsRecursiveReadOnly: () => node.supportsRecursiveReadOnly(),
      supportsUserNamespaces: handler => node.supportsUserNamespaces(handler),
      runtimeVersion: () => node.runtimeVersion,
    },
  );
  const services = new ServiceVariables({ client, logger });
  const effects = {
    runtime,
    images: ImageManager.create(
      { images, secrets: volumes.objects, plugins: credentialPlugins, clock, logger },
      { rootDir, config: config.images },
    ),
    volumes,
    cgroups,
    contexts,
    events,
    services,
    runtimeClasses: new RuntimeClasses({ client }),
    sandboxPlaces: new Semaphore(availableParallelism()),
    clock,
    logger: logger.child({ component: 'pod' }),
  };
  const mirrors = new MirrorPods({
    client,
    node: () => node.view.current(),
    logger: logger.child({ component: 'pod' }),
    onGone: mirrorUID => writer.forget(mirrorUID),
  });
  node.view.onChange(() => mirrors.wake());
  const reporter = new StatusReporter({
    writer,
    mirrorOf: pod => mirrors.of(pod),
    clock,
    nodeIPs,
    runtime: () => ({
      name: node.runtimeName,
      supportsRecursiveReadOnly: node.supportsRecursiveReadOnly(),
    }),
  });
  const crashBackoffMaxMs = config.pods.crashLoopBackOffMaxMs;
  const { allocated, actuated } = checkpoints;
  const allocator = new PodAllocator({ allocated, admission, events, logger });
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
