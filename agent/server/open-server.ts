// Puts the node's API together: who is asked for permission, what is served, with which certificate.

import type { ApiClient } from '../api/client.ts';
import type { Config } from '../config/config.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { PodsView } from '../pod/pods-view.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { Authenticator } from './authentication.ts';
import { AuthorityFile } from './authority-file.ts';
import { Authorizer } from './authorization.ts';
import { checkpointRoutes } from './checkpoint.ts';
import { configzRoutes } from './configz.ts';
import { containerLogRoutes } from './container-logs.ts';
import { debugFlagRoutes } from './debug-flags.ts';
import { healthRoutes, logCheck, PING, syncLoopCheck } from './healthz.ts';
import { NodeServer } from './node-server.ts';
import { PodChanges } from './pod-changes.ts';
import { podRoutes, runningPodRoutes } from './pod-lists.ts';
import { profileRoutes } from './profiles.ts';
import type { Route } from './router.ts';
import { runRoutes } from './run.ts';
import { ensureSelfSigned } from './self-signed.ts';
import {
  CertificateFiles,
  type CertificateIssuer,
  IssuedCertificate,
  type ServingCertificate,
} from './serving-certificate.ts';
import { streamingRoutes } from './streaming.ts';
import { DEBUG_ROOTS, switchedOffRoutes } from './switched-off.ts';
import { systemLogRoutes } from './system-logs.ts';
import { flagzRoutes, statuszRoutes } from './zpages.ts';

export interface ServerDeps {
  readonly config: Config;
  readonly api: ApiClient;
  readonly runtime: RuntimeService;
  readonly snapshots: RuntimeSnapshots;
  readonly pods: PodsView;
  /** Routes of others, e.g. statistics. */
  readonly routes: readonly Route[];
  /** For `serverTLSBootstrap`. */
  readonly issuer: CertificateIssuer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reads certificates and authorities; throws InvalidError when they cannot be used. */
export async function openNodeServer(
  deps: ServerDeps,
  { signal }: { readonly signal: AbortSignal },
): Promise<NodeServer> {
  const { api, clock } = deps;
  const config = deps.config.server;
  const logger = deps.logger.child({ component: 'server' });
  const guardDeps = { api, clock, logger };
  const nodeName = deps.config.node.name;
  return new NodeServer({
    config,
    routes: withStatusPage([...buildRoutes(deps), ...deps.routes], deps),
    guards: {
      authenticator: new Authenticator(guardDeps, config, { signal }),
      authorizer: new Authorizer(guardDeps, { ...config, nodeName }, { signal }),
    },
    certificate: await openCertificate(deps, logger),
    authority:
      config.clientCAFile === undefined ? undefined : await AuthorityFile.open(config.clientCAFile, logger),
    logger,
  });
}

function buildRoutes(deps: ServerDeps): readonly Route[] {
  const {
    debuggingHandlers,
    systemLogHandler,
    systemLogQuery: canQuery,
    profilingHandler,
    debugFlagsHandler,
  } = deps.config.server;
  const { featureGates, flags } = deps.config;
  return [
    ...healthRoutes([PING, logCheck, syncLoopCheck(deps.snapshots)]),
    ...podRoutes(deps.pods),
    ...(debuggingHandlers
      ? buildDebugRoutes(deps)
      : switchedOffRoutes(DEBUG_ROOTS, 'Debug endpoints are disabled.')),
    ...(systemLogHandler
      ? systemLogRoutes(SYSTEM_LOGS, { canQuery })
      : switchedOffRoutes(['logs'], 'logs endpoint is disabled.')),
    ...(profilingHandler
      ? profileRoutes()
      : switchedOffRoutes(['debug/pprof'], 'profiling endpoint is disabled.')),
    ...(debugFlagsHandler
      ? debugFlagRoutes(deps.logger)
      : switchedOffRoutes(['debug/flags'], 'flags endpoint is disabled.')),
    ...(featureGates['ComponentFlagz'] === false ? [] : flagzRoutes(flags)),
  ];
}

/** Last, since it lists the others. */
function withStatusPage(routes: readonly Route[], { config, clock }: ServerDeps): readonly Route[] {
  const isOff = config.featureGates['ComponentStatusz'] === false;
  return isOff ? routes : [...routes, ...statuszRoutes(routes, clock)];
}

const SYSTEM_LOGS = '/var/log';

/** What reaches into pods; "debugging" is what the kubelet's configuration calls it. */
function buildDebugRoutes({ config, runtime, snapshots, pods, clock }: ServerDeps): readonly Route[] {
  const changes = new PodChanges(snapshots);
  const canSplitStreams = config.featureGates['PodLogsQuerySplitStreams'] === true;
  const idleTimeoutMs = config.server.streamingIdleTimeoutMs;
  const isCheckpointOn = config.featureGates['ContainerCheckpoint'] !== false;
  const { rootDir } = config.pods;
  return [
    ...containerLogRoutes({ pods, snapshots, changes, clock, canSplitStreams }),
    ...streamingRoutes({ pods, snapshots, runtime, idleTimeoutMs }),
    ...runRoutes({ pods, snapshots, runtime }),
    ...runningPodRoutes(snapshots),
    ...configzRoutes(config.document),
    ...(isCheckpointOn ? checkpointRoutes({ pods, snapshots, runtime, clock, rootDir }) : []),
  ];
}

async function openCertificate(
  { config: { server, api, node }, issuer, clock }: ServerDeps,
  logger: Logger,
): Promise<ServingCertificate> {
  const { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile } = server;
  if (certFile !== undefined && keyFile !== undefined) {
    return await CertificateFiles.open({ certFile, keyFile }, logger);
  }
  const subject = { nodeName: node.name, nowMs: clock.nowMs(), addresses: node.ips };
  const own = await CertificateFiles.open(await ensureSelfSigned(api.certDir, subject, logger), logger);
  return server.tlsBootstrap ? new IssuedCertificate(issuer, own) : own;
}
