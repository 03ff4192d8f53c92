// The edges of a running agent: API server, runtime, cgroups.
import { ApiClient } from '../api/client.ts';
import { EventRecorder } from '../api/events.ts';
import type { Config } from '../config/config.ts';
import { NODELET_VERSION } from '../config/version.ts';
import { connectRuntime, type RuntimeConnection } from '../cri/connect.ts';
import { Cgroups, readCgroupLayout } from '../host/cgroup.ts';
import { type CgroupFeatures, readCgroupFeatures } from '../host/cgroup-features.ts';
import { CgroupUsageReader } from '../host/cgroup-usage.ts';
import type { ServiceNotifier } from '../host/notify.ts';
import { PodCgroups } from '../host/pod-cgroups.ts';
import { CredentialPlugins } from '../image/credential-plugins.ts';
import { NodeCertificates } from '../join/node-certificates.ts';
import { systemClock } from '../lib/clock.ts';
import { InvalidError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { checkHostDemands } from '../node/host-demands.ts';
import { RuntimeCgroupDriver } from '../runtime/cgroup-driver.ts';
import { prepareRoot } from '../volume/prepare-root.ts';

export interface Edges {
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

export async function connectEdges(
  config: Config,
  logger: Logger,
  notifier: ServiceNotifier,
  signal: AbortSignal,
  open: AsyncDisposableStack,
): Promise<Edges> {
  const layout = await readCgroupLayout();
  if (!layout) throw new InvalidError('no cgroup file system is mounted', { code: 'NoCgroups' });
  const tree = new Cgroups(layout);
  await checkHostDemands(config, { cgroupVersion: tree.version });
  await prepareRoot(config.pods.rootDir, logger);
  const credentialPlugins = await CredentialPlugins.load(config.images, { clock: systemClock, logger });
  const userAgent = `nodelet/${NODELET_VERSION} (linux/${process.arch === 'x64' ? 'amd64' : process.arch})`;
  const onWaiting = (): void => notifier.ready();
  const certificates = await NodeCertificates.prepare({ config, userAgent, logger, onWaiting }, { signal });
  const { clientPemPath } = certificates;
  const { kubeconfigPath } = config.api;
  const client =
    kubeconfigPath === undefined
      ? ApiClient.none()
      : await ApiClient.connect({ kubeconfigPath, clientPemPath, logger, userAgent, signal });
  open.defer(() => client.close());
  const { endpoint, imageEndpoint, requestTimeoutMs, cgroupDriver: configured } = config.runtime;
  const connection = connectRuntime({ runtimeEndpoint: endpoint, imageEndpoint, requestTimeoutMs });
  open.defer(() => connection.close());
  const cgroupDriver = new RuntimeCgroupDriver({ runtime: connection.runtime, configured, logger });
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
