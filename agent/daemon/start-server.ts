import type { Config } from '../config/config.ts';
import { NODELET_VERSION } from '../config/version.ts';
import { LocalViews } from '../explain/local-views.ts';
import { readOwnCgroup } from '../host/own-cgroup.ts';
import { readCertificateExpiries } from '../join/certificate-expiries.ts';
import { systemClock } from '../lib/clock.ts';
import { EventLoopDelay } from '../lib/event-loop.ts';
import type { Logger } from '../lib/logger.ts';
import type { TaskGroup } from '../lib/task-group.ts';
import type { NodeController } from '../node/node-controller.ts';
import { buildKubeletVersion } from '../node/version.ts';
import type { ServiceProxy } from '../proxy/service-proxy.ts';
import { openNodeServer } from '../server/open-server.ts';
import { openStatistics } from '../server/stats/open-statistics.ts';
import type { Edges } from './edges.ts';
import type { Pods } from './pods.ts';

export async function startServer(
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
      ownCgroup: await readOwnCgroup(usage.version),
      snapshots,
      desiredPods: () => pods.desired(),
      pods: () => pods.all(),
      volumesOf: podUID => pods.volumesOf(podUID),
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
export function startLocalViews(
  tasks: TaskGroup,
  config: Config,
  { client, certificates }: Edges,
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
    isStandalone: !client.hasServer,
    settings: config.settings,
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
