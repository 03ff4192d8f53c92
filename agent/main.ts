#!/usr/bin/env node
// Composition root: configuration -> edges -> subsystems -> run until a signal. No logic lives here.

import { flushCompileCache } from 'node:module';
import { availableParallelism } from 'node:os';
import { ApiClient } from './api/client.ts';
import { EventRecorder } from './api/events.ts';
import { runCli } from './cli/cli.ts';
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_OK } from './cli/exit-codes.ts';
import type { Config } from './config/config.ts';
import { NODELET_VERSION } from './config/version.ts';
import { connectRuntime } from './cri/connect.ts';
import { Cgroups, readCgroupLayout } from './host/cgroup.ts';
import { isJournalStream, JournalStream } from './host/journal.ts';
import { NOTIFY_VARIABLES, parseNotifyEnvironment, ServiceNotifier } from './host/notify.ts';
import { PodCgroups } from './host/pod-cgroups.ts';
import { ImageManager } from './image/image-manager.ts';
import { settledOrAborted } from './lib/abort.ts';
import { systemClock } from './lib/clock.ts';
import { InvalidError } from './lib/errors.ts';
import { createLogger, type Logger } from './lib/logger.ts';
import { Semaphore } from './lib/semaphore.ts';
import { sleep } from './lib/sleep.ts';
import { TaskGroup } from './lib/task-group.ts';
import { HEALTHY, NodeController } from './node/node-controller.ts';
import { runStatusLine } from './node/status-line.ts';
import { buildKubeletVersion } from './node/version.ts';
import { runApiSource } from './pod/api-source.ts';
import { PodContextSource } from './pod/pod-context-source.ts';
import { PodEvents } from './pod/pod-events.ts';
import { StatusReporter } from './pod/status-reporter.ts';
import { PodWorkers } from './pod/workers.ts';
import { ProbeManager } from './probe/probe-manager.ts';
import { RuntimeCgroupDriver } from './runtime/cgroup-driver.ts';
import { runRuntimeEvents } from './runtime/event-loop.ts';
import { RuntimeSnapshots } from './runtime/snapshots.ts';
import { StatusWriter } from './status/writer.ts';
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
  const clock = systemClock;

  // Edges; what they hold open would keep a process that cannot go on
  await using edges = new AsyncDisposableStack();
  const layout = await readCgroupLayout();
  if (!layout) throw new InvalidError('no cgroup file system is mounted', { code: 'NoCgroups' });
  const kubeconfigPath = config.api.kubeconfigPath ?? ''; // checkRunnable has seen to it
  const userAgent = `nodelet/${NODELET_VERSION} (linux/${process.arch === 'x64' ? 'amd64' : process.arch})`;
  const client = await ApiClient.connect({ kubeconfigPath, logger, userAgent, signal });
  edges.defer(() => client.close());
  const connection = connectRuntime({
    runtimeEndpoint: config.runtime.endpoint,
    imageEndpoint: config.runtime.imageEndpoint,
    requestTimeoutMs: config.runtime.requestTimeoutMs,
  });
  edges.defer(() => connection.close());
  const { runtime, images } = connection;
  const cgroupDriver = new RuntimeCgroupDriver({
    runtime,
    configured: config.runtime.cgroupDriver,
    logger,
  });
  const cgroups = new PodCgroups(new Cgroups(layout), () => cgroupDriver.current);
  const recorder = new EventRecorder({ client, clock, logger, component: 'kubelet', host: config.node.name });

  // Subsystems
  const snapshots = new RuntimeSnapshots({ runtime, logger });
  const node = await NodeController.create(
    {
      api: client,
      events: recorder,
      runtime: connection,
      cgroups,
      cgroupDriver,
      logger,
    },
    { config, kubeletVersion: buildKubeletVersion(NODELET_VERSION) },
    {
      ...HEALTHY,
      describePod: podUID => workers.describe(podUID),
    },
    { signal },
  );
  const nodeIPs = (): readonly string[] =>
    (node.view.current()?.status?.addresses ?? [])
      .filter(({ type }) => type === 'InternalIP')
      .map(({ address }) => address);
  const allocatable = (): Readonly<Record<string, string>> => node.view.current()?.status?.allocatable ?? {};
  const volumes = new VolumeManager({
    client,
    rootDir: config.pods.rootDir,
    logger,
    clock,
    node: { allocatable },
  });
  const writer = new StatusWriter({ client, logger, signal });
  const reporter = new StatusReporter({ writer, clock, nodeIPs, runtimeName: 'containerd' });
  const events = new PodEvents(recorder);
  const probes = new ProbeManager({
    runtime,
    clock,
    logger,
    emit: (pod, container, ...event) => events.container(pod, container)(...event),
    startedAtMs: clock.nowMs(),
  });
  const workers = new PodWorkers(
    {
      effects: {
        runtime,
        images: new ImageManager({ images, clock, maxParallelPulls: config.images.maxParallelPulls }),
        volumes,
        cgroups,
        contexts: new PodContextSource(
          {
            pods: config.pods,
            cgroupRoot: config.runtime.cgroupRoot,
            cgroupVersion: cgroups.version,
            memoryBytes: node.machine.resources.memoryBytes,
          },
          {
            nodeIPs,
            allocatable,
            cgroupDriver: () => cgroupDriver.current,
            networkProblem: () => node.networkProblem(),
          },
        ),
        events,
        sandboxPlaces: new Semaphore(availableParallelism()),
        clock,
        logger: logger.child({ component: 'pod' }),
      },
      snapshots,
      reporter,
      probes,
      crashBackoffMaxMs: config.pods.crashLoopBackOffMaxMs,
    },
    { signal },
  );

  // Run: observed before desired, so that what runs already is adopted and nothing is made twice.
  tasks.run(inner => recorder.run(inner));
  tasks.run(inner => node.run({ signal: inner }));
  tasks.run(inner => volumes.run(inner));
  tasks.run(inner => probes.run(inner));
  tasks.run(() => writer.run());
  tasks.run(inner => notifier.runWatchdog({ signal: inner }));
  tasks.run(inner =>
    runStatusLine(notifier, () => ({ problems: node.problems, podCount: workers.desiredPods().length }), {
      signal: inner,
    }),
  );
  tasks.run(inner => cgroupDriver.run({ signal: inner }));
  tasks.run(inner =>
    runRuntimeEvents(
      {
        snapshots,
        runtime,
        endpoint: config.runtime.endpoint,
        logger,
        onConnection: () => node.runtimeChanged(),
      },
      { signal: inner },
    ),
  );
  const observed = Promise.all([cgroupDriver.known, untilListed(snapshots, signal)]);
  tasks.run(async inner => {
    await settledOrAborted(observed, AbortSignal.any([inner, AbortSignal.timeout(READY_AT_LATEST_MS)]));
    notifier.ready();
    // Where NODE_COMPILE_CACHE is set: now, because an agent that is killed writes nothing. 30 ms once, then under one.
    flushCompileCache();
  });
  tasks.run(async inner => {
    await settledOrAborted(observed, inner);
    const { rootDir } = config.pods;
    const source = { client, nodeName: config.node.name, rootDir, workers, snapshots, logger };
    await runApiSource(source, { signal: inner });
  });
  tasks.run(() => workers.join());
  await tasks.join();
}

async function untilListed(snapshots: RuntimeSnapshots, signal: AbortSignal): Promise<void> {
  while (!snapshots.hasListed && !signal.aborted) await sleep(10, { signal });
}

process.exitCode = await runCli(process.argv.slice(2), {
  runAgent,
  output: { out: text => process.stdout.write(text), err: text => process.stderr.write(text) },
});
