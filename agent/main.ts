#!/usr/bin/env node
// Composition root: configuration -> edges -> subsystems -> run until a signal. No logic lives here.

import { flushCompileCache } from 'node:module';
import { availableParallelism } from 'node:os';
import { ApiClient } from './api/client.ts';
import { EventRecorder } from './api/events.ts';
import { runCli } from './cli/cli.ts';
import { doctorContext } from './cli/doctor.ts';
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_OK } from './cli/exit-codes.ts';
import type { Config } from './config/config.ts';
import { NODELET_VERSION } from './config/version.ts';
import { connectRuntime, type RuntimeConnection } from './cri/connect.ts';
import { reportAfterStart } from './doctor/examine.ts';
import { LocalViews } from './explain/local-views.ts';
import { Cgroups, readCgroupLayout } from './host/cgroup.ts';
import { type CgroupFeatures, readCgroupFeatures } from './host/cgroup-features.ts';
import { CgroupUsageReader } from './host/cgroup-usage.ts';
import { isJournalStream, JournalStream } from './host/journal.ts';
import { NOTIFY_VARIABLES, parseNotifyEnvironment, ServiceNotifier } from './host/notify.ts';
import { PodCgroups } from './host/pod-cgroups.ts';
import { CredentialPlugins } from './image/credential-plugins.ts';
import { ImageManager } from './image/image-manager.ts';
import { readCertificateExpiries } from './join/certificate-expiries.ts';
import { NodeCertificates } from './join/node-certificates.ts';
import { settledOrAborted } from './lib/abort.ts';
import { systemClock } from './lib/clock.ts';
import { InvalidError } from './lib/errors.ts';
import { EventLoopDelay } from './lib/event-loop.ts';
import { createLogger, type Logger } from './lib/logger.ts';
import { Semaphore } from './lib/semaphore.ts';
import { sleep } from './lib/sleep.ts';
import { TaskGroup } from './lib/task-group.ts';
import { HEALTHY, NodeController } from './node/node-controller.ts';
import { runStatusLine } from './node/status-line.ts';
import { buildKubeletVersion } from './node/version.ts';
import { isAppArmorEnabled, PodAdmission } from './pod/admission.ts';
import { runBurstableCgroup } from './pod/burstable-cgroup.ts';
import { MirrorPods } from './pod/mirror-pods.ts';
import { PodAllocator } from './pod/pod-allocator.ts';
import { PodContextSource } from './pod/pod-context-source.ts';
import { PodEvents } from './pod/pod-events.ts';
import { runPodSources } from './pod/pod-sources.ts';
import { PodsView } from './pod/pods-view.ts';
import { RecentWarnings } from './pod/recent-warnings.ts';
import { RuntimeClasses } from './pod/runtime-classes.ts';
import { ServiceVariables } from './pod/service-variables.ts';
import { StatusReporter } from './pod/status-reporter.ts';
import { StorageLimits } from './pod/storage-limits.ts';
import { PodWorkers } from './pod/workers.ts';
import { ProbeManager } from './probe/probe-manager.ts';
import { ServiceProxy } from './proxy/service-proxy.ts';
import { openResourceCheckpoints, type ResourceCheckpoints } from './resources/resource-checkpoint.ts';
import { RuntimeCgroupDriver } from './runtime/cgroup-driver.ts';
import { runRuntimeEvents } from './runtime/event-loop.ts';
import { LogRotator } from './runtime/log-rotator.ts';
import { RuntimeSnapshots } from './runtime/snapshots.ts';
import { openNodeServer } from './server/open-server.ts';
import { openStatistics } from './server/stats/open-statistics.ts';
import { StatusWriter } from './status/writer.ts';
import { prepareRoot } from './volume/prepare-root.ts';
import { VolumeManager } from './volume/volume-manager.ts';

// A runtime that is down is the node condition's to tell; a service that hangs in its start would be ended for it.
const READY_AT_LATEST_MS = 10_000;

async function runAgent(config: Config, notices: readonly string[]): Promise<number> {
  const notifier = new ServiceNotifier(parseNotifyEnvironment(process.env, process.pid));
  for (const name of NOTIFY_VARIABLES) delete process.env[name];
  const logger = await openLogger(config.log);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'stopping; pods keep running');
      notifier.stopping();
      stop.abort();
    });
  }
  logger.info({ version: NODELET_VERSION, node: config.node.name }, 'starting');
  for (const notice of notices) logger.warn(notice);
  try {
    await runNode(config, logger, notifier, stop.signal);
    return EXIT_OK;
  } catch (error) {
    logger.error({ err: error }, 'cannot go on');
    return error instanceof InvalidError ? EXIT_CONFIG : EXIT_FAILURE;
  } finally {
    logger.flush();
  }
}

function openLogger({ level, format }: Config['log']): Promise<Logger> {
  const isUnderJournal = format === 'auto' && isJournalStream(process.env['JOURNAL_STREAM'], 1);
  const isJournal = format === 'journal' || isUnderJournal;
  const isPlain = format === 'json' || format === 'text';
  return createLogger({
    level,
    ...(isPlain ? { format } : {}),
    ...(isJournal ? { stream: new JournalStream() } : {}),
  });
}

async function runNode(
  config: Config,
  logger: Logger,
  notifier: ServiceNotifier,
  parent: AbortSignal,
): Promise<void> {
  if (process.getuid?.() !== 0) {
    const text = `nodelet has to run as root, not as user ${process.getuid?.()}: it makes cgroups, mounts and networks`;
    throw new InvalidError(text, { code: 'NotRoot' });
  }
  const tasks = new TaskGroup({ signal: parent });
  const { signal } = tasks;
  await using open = new AsyncDisposableStack(); // what the edges hold open would keep a process that cannot go on
  const edges = await connectEdges(config, logger, notifier, signal, open);
  const snapshots = new RuntimeSnapshots({ runtime: edges.connection.runtime, logger });
  const describePod = (podUID: string): string | undefined => pods.workers.describe(podUID);
  const node = await NodeController.create(
    {
      api: edges.client,
      events: edges.recorder,
      runtime: edges.connection,
      cgroups: edges.cgroups,
      cgroupDriver: edges.cgroupDriver,
      logger,
    },
    { config, kubeletVersion: buildKubeletVersion(NODELET_VERSION) },
    { ...HEALTHY, describePod },
    { signal },
  );
  const admission = new PodAdmission({
    node: () => node.view.current(),
    localNode: () => node.localNode(),
    refreshNode: options => node.refresh(options),
    allowedUnsafeSysctls: config.pods.allowedUnsafeSysctls,
    isAppArmorEnabled: await isAppArmorEnabled(),
  });
  const checkpoints = await openResourceCheckpoints(config.pods.rootDir, logger);
  const pods = buildPods(config, edges, node, { admission, checkpoints }, snapshots, logger, signal);
  startNode(tasks, edges, node, notifier, pods);
  const proxy = new ServiceProxy({
    api: edges.client,
    events: edges.recorder,
    nodeName: config.node.name,
    config: config.proxy,
    node: node.view,
    logger,
  });
  tasks.run(signal => proxy.run({ signal }));
  await startServer(tasks, config, edges, node, pods, logger);
  startLocalViews(tasks, config, edges, node, pods, proxy, logger);
  startPods(tasks, config, edges, node, notifier, pods, logger);
  tasks.run(taskSignal => reportAfterStart(doctorContext(config), logger, { signal: taskSignal }));
  await tasks.join();
}

interface Edges {
  readonly client: ApiClient;
  readonly credentialPlugins: CredentialPlugins;
  readonly certificates: NodeCertificates;
  readonly connection: RuntimeConnection;
  readonly cgroupDriver: RuntimeCgroupDriver;
  readonly cgroups: PodCgroups;
  readonly cgroupFeatures: CgroupFeatures;
  readonly usage: CgroupUsageReader;
  readonly recorder: EventRecorder;
}

async function connectEdges(
  config: Config,
  logger: Logger,
  notifier: ServiceNotifier,
  signal: AbortSignal,
  open: AsyncDisposableStack,
): Promise<Edges> {
  const layout = await readCgroupLayout();
  if (!layout) throw new InvalidError('no cgroup file system is mounted', { code: 'NoCgroups' });
  await prepareRoot(config.pods.rootDir, logger);
  const credentialPlugins = await CredentialPlugins.load(config.images, { clock: systemClock, logger });
  const kubeconfigPath = config.api.kubeconfigPath ?? ''; // checkRunnable has seen to it
  const userAgent = `nodelet/${NODELET_VERSION} (linux/${process.arch === 'x64' ? 'amd64' : process.arch})`;
  const onWaiting = (): void => notifier.ready();
  const certificates = await NodeCertificates.prepare({ config, userAgent, logger, onWaiting }, { signal });
  const { clientPemPath } = certificates;
  const client = await ApiClient.connect({ kubeconfigPath, clientPemPath, logger, userAgent, signal });
  open.defer(() => client.close());
  const { endpoint, imageEndpoint, requestTimeoutMs, cgroupDriver: configured } = config.runtime;
  const connection = connectRuntime({ runtimeEndpoint: endpoint, imageEndpoint, requestTimeoutMs });
  open.defer(() => connection.close());
  const cgroupDriver = new RuntimeCgroupDriver({ runtime: connection.runtime, configured, logger });
  const tree = new Cgroups(layout);
  const cgroups = new PodCgroups(tree, () => cgroupDriver.current);
  const cgroupFeatures = await readCgroupFeatures(tree);
  const usage = new CgroupUsageReader(tree);
  const host = config.node.name;
  const recorder = new EventRecorder({ client, clock: systemClock, logger, component: 'kubelet', host });
  return {
    client,
    certificates,
    credentialPlugins,
    connection,
    cgroupDriver,
    cgroups,
    cgroupFeatures,
    usage,
    recorder,
  };
}

interface Pods {
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

function buildPods(
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
  const volumes = new VolumeManager({ client, rootDir, logger, clock, node: { allocatable, labels } });
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

function startNode(
  tasks: TaskGroup,
  { client, certificates, recorder, cgroupDriver }: Edges,
  node: NodeController,
  notifier: ServiceNotifier,
  { workers }: Pods,
): void {
  const statusLine = () => ({ problems: node.problems, podCount: workers.desiredPods().length });
  tasks.run(signal => recorder.run(signal));
  tasks.run(signal => node.run({ signal }));
  const addresses = () => node.view.current()?.status?.addresses ?? [];
  node.view.onChange(() => certificates.addressesChanged());
  tasks.run(signal => certificates.run(client, addresses, { signal }));
  tasks.run(signal => cgroupDriver.run({ signal }));
  tasks.run(signal => notifier.runWatchdog({ signal }));
  tasks.run(signal => runStatusLine(notifier, statusLine, { signal }));
}

async function startServer(
  tasks: TaskGroup,
  config: Config,
  { client: api, certificates, connection, cgroupDriver, usage }: Edges,
  { machine, view: nodeView }: NodeController,
  { snapshots, view: pods }: Pods,
  logger: Logger,
): Promise<void> {
  if (!config.server.enabled) return;
  const { runtime, images } = connection;
  const statistics = openStatistics(
    {
      config,
      version: buildKubeletVersion(NODELET_VERSION),
      runtime,
      images,
      usage,
      cgroupDriver: () => cgroupDriver.current,
      snapshots,
      pods: () => pods.all(),
      machine: { ...machine.identity, ...machine.resources },
      allocatable: () => nodeView.current()?.status?.allocatable ?? {},
      logger,
    },
    tasks,
  );
  const { routes } = statistics;
  const issuer = certificates.serving;
  const deps = { config, api, runtime, snapshots, pods, issuer, routes, clock: systemClock, logger };
  const server = await openNodeServer(deps, tasks);
  tasks.run(signal => server.run({ signal }));
}

/** What `nodelet status` and `nodelet explain` ask. */
function startLocalViews(
  tasks: TaskGroup,
  config: Config,
  { certificates }: Edges,
  node: NodeController,
  { snapshots, workers, view, warnings }: Pods,
  proxy: ServiceProxy,
  logger: Logger,
): void {
  const eventLoop = new EventLoopDelay();
  tasks.run(signal => eventLoop.run(signal));
  const views = new LocalViews({
    nodeName: config.node.name,
    version: NODELET_VERSION,
    node,
    pods: () => view.all(),
    workers,
    snapshots,
    warnings,
    certificates: () => readCertificateExpiries(config, certificates),
    eventLoop,
    ruleFamilies: proxy.families,
    logger,
  });
  tasks.run(signal => views.run({ signal }));
}

/** Observed before desired, so that what runs already is adopted and nothing is made twice. */
function startPods(
  tasks: TaskGroup,
  config: Config,
  { client, connection, cgroupDriver, cgroups }: Edges,
  node: NodeController,
  notifier: ServiceNotifier,
  { snapshots, volumes, services, writer, mirrors, checkpoints, probes, workers, storageLimits }: Pods,
  logger: Logger,
): void {
  const { runtime } = connection;
  const { endpoint } = config.runtime;
  const onConnection = (): void => node.runtimeChanged();
  tasks.run(signal => volumes.run(signal));
  if (config.node.localStorageCapacityIsolation) tasks.run(signal => storageLimits.run({ signal }));
  tasks.run(signal => services.run({ signal }));
  tasks.run(signal => probes.run(signal));
  tasks.run(() => writer.run());
  for (const checkpoint of Object.values(checkpoints)) tasks.run(signal => checkpoint.run({ signal }));
  const rotator = new LogRotator({ runtime, snapshots, clock: systemClock, logger }, config.pods, tasks);
  tasks.run(() => rotator.run());
  tasks.run(signal => runRuntimeEvents({ snapshots, runtime, endpoint, logger, onConnection }, { signal }));
  const observed = Promise.all([cgroupDriver.known, untilListed(snapshots, tasks.signal)]);
  tasks.run(async signal => {
    await settledOrAborted(observed, AbortSignal.any([signal, AbortSignal.timeout(READY_AT_LATEST_MS)]));
    notifier.ready();
    // Where NODE_COMPILE_CACHE is set: now, because an agent that is killed writes nothing. 30 ms once, then one.
    flushCompileCache();
  });
  tasks.run(async signal => {
    await settledOrAborted(cgroupDriver.known, signal);
    const { cgroupRoot, cgroupsPerQOS } = config.runtime;
    const deps = { workers, cgroups, driver: () => cgroupDriver.current, cgroupRoot, logger };
    if (cgroupsPerQOS) await runBurstableCgroup(deps, { signal });
  });
  tasks.run(async signal => {
    await settledOrAborted(observed, signal);
    await runPodSources(
      { client, nodeName: config.node.name, config: config.pods, workers, mirrors, snapshots, logger },
      { signal },
    );
  });
  tasks.run(() => workers.join());
}

async function untilListed(snapshots: RuntimeSnapshots, signal: AbortSignal): Promise<void> {
  while (!snapshots.hasListed && !signal.aborted) await sleep(10, { signal });
}

process.exitCode = await runCli(process.argv.slice(2), {
  runAgent,
  output: { out: text => process.stdout.write(text), err: text => process.stderr.write(text) },
});
