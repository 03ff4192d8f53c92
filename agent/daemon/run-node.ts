// The subsystems of an agent, made and started in their order. No logic lives here.
import type { Config } from '../config/config.ts';
import { NODELET_VERSION } from '../config/version.ts';
import type { ServiceNotifier } from '../host/notify.ts';
import { InvalidError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { HEALTHY, NodeController } from '../node/node-controller.ts';
import { ensureKernelDefaults } from '../node/node-sysctls.ts';
import { buildKubeletVersion } from '../node/version.ts';
import { isAppArmorEnabled, PodAdmission } from '../pod/admission.ts';
import { ServiceProxy } from '../proxy/service-proxy.ts';
import { openResourceCheckpoints } from '../resources/resource-checkpoint.ts';
import { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { connectEdges } from './edges.ts';
import { runMemoryRelief } from './memory-relief.ts';
import { buildPods } from './pods.ts';
import { startNode } from './start-node.ts';
import { startPods } from './start-pods.ts';
import { startLocalViews, startServer } from './start-server.ts';

export async function runNode(
  config: Config,
  logger: Logger,
  notifier: ServiceNotifier,
  afterStart: (signal: AbortSignal) => Promise<void>,
  parent: AbortSignal,
): Promise<void> {
  if (process.getuid?.() !== 0) {
    const text = `nodelet has to run as root, not as user ${process.getuid?.()}: it makes cgroups, mounts and networks`;
    throw new InvalidError(text, { code: 'NotRoot' });
  }
  await ensureKernelDefaults(config.runtime, logger);
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
  const pods = buildPods({ config, edges, node, admission, checkpoints, snapshots, logger }, { signal });
  startNode(tasks, edges, node, notifier, pods);
  const proxy = new ServiceProxy({
    api: edges.client,
    events: edges.recorder,
    nodeName: config.node.name,
    config: config.proxy,
    node: node.view,
    onDamage: () => node.packetRulesLost(),
    logger,
  });
  if (edges.client.hasServer) tasks.run(signal => proxy.run({ signal }));
  await startServer(tasks, config, edges, node, pods, logger);
  startLocalViews(tasks, config, edges, node, pods, proxy, logger);
  startPods(tasks, config, edges, node, notifier, pods, logger);
  tasks.run(afterStart);
  tasks.run(signal => runMemoryRelief({ logger }, { signal }));
  await tasks.join();
}
