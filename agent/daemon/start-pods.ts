import { flushCompileCache } from 'node:module';
import type { Config } from '../config/config.ts';
import type { ServiceNotifier } from '../host/notify.ts';
import { settledOrAborted } from '../lib/abort.ts';
import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { TaskGroup } from '../lib/task-group.ts';
import type { NodeController } from '../node/node-controller.ts';
import { runBurstableCgroup } from '../pod/burstable-cgroup.ts';
import { runPodSources } from '../pod/pod-sources.ts';
import { runRuntimeEvents } from '../runtime/event-loop.ts';
import { LogRotator } from '../runtime/log-rotator.ts';
import type { Edges } from './edges.ts';
import type { Pods } from './pods.ts';

// A runtime that is down is the node condition's to tell; a service that hangs in its start would be ended for it.
const READY_AT_LATEST_MS = 10_000;

/** Observed before desired, so that what runs already is adopted and nothing is made twice. */
export function startPods(
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
  const canStart = Promise.all([cgroupDriver.known, snapshots.listed]);
  tasks.run(async signal => {
    await settledOrAborted(canStart, AbortSignal.any([signal, AbortSignal.timeout(READY_AT_LATEST_MS)]));
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
  const nodeName = config.node.name;
  const sources = { client, nodeName, config: config.pods, workers, mirrors, snapshots, canStart, logger };
  tasks.run(signal => runPodSources(sources, { signal }));
  tasks.run(() => workers.join());
}
