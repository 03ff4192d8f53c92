import { parseMilliQuantity, parseQuantity } from '../lib/quantity.ts';
import { parseBindAddress } from './bind-address.ts';
import type {
  ApiConfig,
  Config,
  EvictionAmount,
  EvictionConfig,
  EvictionThresholds,
  ImagesConfig,
  LogConfig,
  NetworkConfig,
  NodeConfig,
  PodsConfig,
  ProxyConfig,
  ReservedResources,
  RuntimeConfig,
  ServerConfig,
} from './config.ts';
import type { Values } from './fields.ts';

// The kubelet sets no limit at all; ours keeps a node that starts a hundred pods from starving its disk and its peers.
const PARALLEL_IMAGE_PULLS = 10;
// klog's levels from 4 on are for debugging (sig-instrumentation logging conventions).
export const KLOG_DEBUG_VERBOSITY = 4;

/** Shapes checked values into the sections that subsystems take, frozen. */
export function buildConfig(
  values: Values,
  { document, flags, settings }: Pick<Config, 'document' | 'flags' | 'settings'>,
): Config {
  const eviction = buildEviction(values);
  return freeze({
    node: buildNode(values, eviction.hard),
    api: buildApi(values),
    runtime: buildRuntime(values),
    pods: buildPods(values),
    images: buildImages(values),
    eviction,
    network: buildNetwork(values),
    proxy: buildProxy(values),
    server: buildServer(values),
    log: buildLog(values),
    featureGates: values.featureGates,
    settings,
    document,
    flags,
  });
}

function buildNode(values: Values, evictionHard: EvictionThresholds): NodeConfig {
  return {
    name: (values['nodelet.hostnameOverride'] ?? '').trim().toLowerCase(),
    ips: splitAddresses(values['nodelet.nodeIP']),
    labels: values['nodelet.nodeLabels'],
    taints: values.registerWithTaints,
    register: values.registerNode,
    providerID: values.providerID,
    cloudProvider: values['nodelet.cloudProvider'],
    leaseDurationSeconds: values.nodeLeaseDurationSeconds,
    statusUpdateFrequencyMs: values.nodeStatusUpdateFrequency,
    statusReportFrequencyMs: values.nodeStatusReportFrequency,
    statusMaxImages: values.nodeStatusMaxImages,
    maxPods: values.maxPods,
    podsPerCore: values.podsPerCore,
    systemReserved: buildReserved(values.systemReserved),
    kubeReserved: buildReserved(values.kubeReserved),
    evictionHard,
    enforceNodeAllocatable: values.enforceNodeAllocatable,
    systemReservedCgroup: values.systemReservedCgroup,
    kubeReservedCgroup: values.kubeReservedCgroup,
    localStorageCapacityIsolation: values.localStorageCapacityIsolation,
    enableControllerAttachDetach: values.enableControllerAttachDetach,
    shutdownGracePeriodMs: values.shutdownGracePeriod,
    shutdownGracePeriodCriticalPodsMs: values.shutdownGracePeriodCriticalPods,
    shutdownGracePeriodByPodPriority: values.shutdownGracePeriodByPodPriority,
  };
}

export function splitAddresses(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').flatMap(part => (part.trim() === '' ? [] : [part.trim()]));
}

function buildReserved(amounts: Readonly<Record<string, string>>): ReservedResources {
  const amountOf = (name: string): number => Math.ceil(parseQuantity(amounts[name] ?? '0') ?? 0);
  return {
    cpuMilli: parseMilliQuantity(amounts['cpu'] ?? '0') ?? 0,
    memoryBytes: amountOf('memory'),
    ephemeralStorageBytes: amountOf('ephemeral-storage'),
    pids: amountOf('pid'),
  };
}

function buildEviction(values: Values): EvictionConfig {
  return {
    hard: dropDisabled(values.evictionHard),
    soft: dropDisabled(values.evictionSoft),
    softGracePeriodMs: values.evictionSoftGracePeriod,
    minimumReclaim: values.evictionMinimumReclaim,
    pressureTransitionPeriodMs: values.evictionPressureTransitionPeriod,
    maxPodGracePeriodSeconds: values.evictionMaxPodGracePeriod,
  };
}

/** The kubelet reads 0% and 100% as "no threshold for this signal". */
function dropDisabled(thresholds: Readonly<Record<string, EvictionAmount>>): EvictionThresholds {
  const isSet = (amount: EvictionAmount): boolean =>
    amount.kind === 'amount' || (amount.percent > 0 && amount.percent < 100);
  return Object.fromEntries(Object.entries(thresholds).filter(([, amount]) => isSet(amount)));
}

function buildApi(values: Values): ApiConfig {
  return {
    kubeconfigPath: values['nodelet.kubeconfig'],
    bootstrapKubeconfigPath: values['nodelet.bootstrapKubeconfig'],
    certDir: values['nodelet.certDir'] ?? `${values['nodelet.rootDir']}/pki`,
    rotateCertificates: values.rotateCertificates,
    qps: values.kubeAPIQPS,
    burst: values.kubeAPIBurst,
    eventQPS: values.eventRecordQPS,
    eventBurst: values.eventBurst,
  };
}

function buildRuntime(values: Values): RuntimeConfig {
  const endpoint = withScheme(values.containerRuntimeEndpoint);
  return {
    endpoint,
    imageEndpoint:
      values.imageServiceEndpoint === undefined ? endpoint : withScheme(values.imageServiceEndpoint),
    requestTimeoutMs: values.runtimeRequestTimeout,
    cgroupDriver: values.cgroupDriver,
    cgroupRoot: values.cgroupRoot,
    cgroupsPerQOS: values.cgroupsPerQOS,
    runtimeCgroups: values['nodelet.runtimeCgroups'],
    failCgroupV1: values.failCgroupV1,
    failSwapOn: values.failSwapOn,
    swapBehavior: values['memorySwap.swapBehavior'],
    protectKernelDefaults: values.protectKernelDefaults,
  };
}

/** A bare path is the old spelling of a unix socket. */
function withScheme(endpoint: string): string {
  return endpoint.startsWith('/') ? `unix://${endpoint}` : endpoint;
}

function buildPods(values: Values): PodsConfig {
  return {
    rootDir: values['nodelet.rootDir'],
    podLogsDir: values.podLogsDir,
    staticPodPath: values.staticPodPath,
    staticPodURL: values.staticPodURL,
    staticPodURLHeader: values.staticPodURLHeader,
    fileCheckFrequencyMs: values.fileCheckFrequency,
    httpCheckFrequencyMs: values.httpCheckFrequency,
    syncFrequencyMs: values.syncFrequency,
    clusterDNS: values.clusterDNS,
    clusterDomain: values.clusterDomain,
    resolvConf: values.resolvConf,
    crashLoopBackOffMaxMs: values['crashLoopBackOff.maxContainerRestartPeriod'],
    podPidsLimit: Math.max(-1, values.podPidsLimit),
    cpuCFSQuota: values.cpuCFSQuota,
    cpuCFSQuotaPeriodMs: values.cpuCFSQuotaPeriod,
    seccompDefault: values.seccompDefault,
    allowedUnsafeSysctls: values.allowedUnsafeSysctls,
    singleProcessOOMKill: values.singleProcessOOMKill,
    memoryThrottlingFactor:
      values.featureGates['MemoryQoS'] === true ? values.memoryThrottlingFactor : undefined,
    userNamespaceIDsPerPod: values['userNamespaces.idsPerPod'],
    containerLogMaxSizeBytes: values.containerLogMaxSize,
    containerLogMaxFiles: values.containerLogMaxFiles,
    containerLogMaxWorkers: values.containerLogMaxWorkers,
    containerLogMonitorIntervalMs: values.containerLogMonitorInterval,
    volumeStatsAggPeriodMs: values.volumeStatsAggPeriod,
    maxDeadContainersPerContainer: values['nodelet.maxDeadContainersPerContainer'],
  };
}

function buildImages(values: Values): ImagesConfig {
  return {
    maxParallelPulls: values.serializeImagePulls ? 1 : (values.maxParallelImagePulls ?? PARALLEL_IMAGE_PULLS),
    registryPullQPS: values.registryPullQPS,
    registryBurst: values.registryBurst,
    gcHighThresholdPercent: values.imageGCHighThresholdPercent,
    gcLowThresholdPercent: values.imageGCLowThresholdPercent,
    minimumGCAgeMs: values.imageMinimumGCAge,
    maximumGCAgeMs: values.imageMaximumGCAge,
    pullCredentialsVerificationPolicy: values.imagePullCredentialsVerificationPolicy,
    preloadedVerificationAllowlist: values.preloadedImagesVerificationAllowlist,
    credentialProviderConfig: values['nodelet.imageCredentialProviderConfig'],
    credentialProviderBinDir: values['nodelet.imageCredentialProviderBinDir'],
  };
}

function buildNetwork(values: Values): NetworkConfig {
  return {
    manageCNI: values['nodelet.network.manageCNI'],
    cniConfDir: values['nodelet.network.cniConfDir'],
    cniBinDirs: values['nodelet.network.cniBinDirs'],
    bridgeName: values['nodelet.network.bridgeName'],
    masquerade: values['nodelet.network.masquerade'],
    mtu: values['nodelet.network.mtu'],
    nodeRoutes: values['nodelet.network.nodeRoutes'],
    podCIDR: values.podCIDR,
  };
}

function buildProxy(values: Values): ProxyConfig {
  return {
    proxyEnabled: values['nodelet.proxy.enabled'],
    clusterCIDRs: values['nodelet.proxy.clusterCIDR'],
    masqueradeAll: values['nodelet.proxy.masqueradeAll'],
    nodePortAddresses: values['nodelet.proxy.nodePortAddresses'],
    localhostNodePorts: values['nodelet.proxy.localhostNodePorts'],
    healthzBindAddress: parseBindAddress(values['nodelet.proxy.healthzBindAddress']),
    metricsBindAddress: parseBindAddress(values['nodelet.proxy.metricsBindAddress']),
  };
}

function buildServer(values: Values): ServerConfig {
  return {
    enabled: values.enableServer,
    address: values.address,
    port: values.port,
    readOnlyPort: values.readOnlyPort,
    healthzAddress: values.healthzBindAddress,
    healthzPort: values.healthzPort,
    tlsCertFile: values.tlsCertFile,
    tlsPrivateKeyFile: values.tlsPrivateKeyFile,
    tlsCipherSuites: values.tlsCipherSuites,
    tlsMinVersion: values.tlsMinVersion,
    tlsBootstrap: values.serverTLSBootstrap,
    anonymousAuth: values['authentication.anonymous.enabled'],
    webhookAuthentication: values['authentication.webhook.enabled'],
    webhookAuthenticationCacheTTLMs: values['authentication.webhook.cacheTTL'],
    clientCAFile: values['authentication.x509.clientCAFile'],
    authorizationMode: values['authorization.mode'],
    webhookAuthorizedTTLMs: values['authorization.webhook.cacheAuthorizedTTL'],
    webhookUnauthorizedTTLMs: values['authorization.webhook.cacheUnauthorizedTTL'],
    streamingIdleTimeoutMs: values.streamingConnectionIdleTimeout,
    debuggingHandlers: values.enableDebuggingHandlers,
    systemLogHandler: values.enableSystemLogHandler,
    systemLogQuery: values.enableSystemLogQuery,
    profilingHandler: values.enableProfilingHandler,
    debugFlagsHandler: values.enableDebugFlagsHandler,
  };
}

function buildLog(values: Values): LogConfig {
  const level = values['nodelet.log.level'];
  const byVerbosity = values['logging.verbosity'] >= KLOG_DEBUG_VERBOSITY ? 'debug' : 'info';
  const format = values['nodelet.log.format'];
  return {
    level: level === 'default' ? byVerbosity : level,
    format: format === 'auto' && values['logging.format'] === 'json' ? 'json' : format,
  };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
