// Every field of the kubelet's KubeletConfiguration (kubelet.config.k8s.io/v1beta1, Kubernetes v1.36), by its path, with
// the kubelet's default, its deprecated command line flag, and whether we act on it. Where our default or our behaviour
// differs, the note says so.

import { bool, bytes, choice, duration, float, int, list, opaque, path, text } from './field.ts';
import { boolMap, durationMap, map, textMap } from './map-field.ts';
import {
  checkAbsolutePath,
  checkAddress,
  checkASCII,
  checkCIDRs,
  checkEvictionSignal,
  checkImagePattern,
  checkUnixEndpoint,
  DEFAULT_EVICTION_HARD,
  reserved,
  shutdownGraces,
  taints,
  thresholds,
} from './resource-fields.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const USER_NAMESPACE_UNIT = 65_536; // KEP-127: ranges of whole 16-bit id spaces
const accepted = 'accepted';

/** The gates that change what is done here; every other feature is as Kubernetes has it by default. */
export const FEATURE_GATES = [
  'ComponentFlagz',
  'ComponentStatusz',
  'ContainerCheckpoint',
  'MemoryQoS',
  'PodLogsQuerySplitStreams',
] as const;

const NODE = {
  registerNode: bool(true, { flag: 'register-node' }),
  registerWithTaints: taints({ flag: 'register-with-taints', note: 'applied when the Node is created' }),
  providerID: text(undefined, { flag: 'provider-id' }),
  nodeStatusUpdateFrequency: duration(10 * SECOND, {
    status: accepted,
    flag: 'node-status-update-frequency',
    note: 'the status is written when it changes',
  }),
  nodeStatusReportFrequency: duration(5 * MINUTE),
  nodeLeaseDurationSeconds: int(40, { min: 1, zero: 'default' }),
  nodeStatusMaxImages: int(50, { flag: 'node-status-max-images', min: -1 }),
  maxPods: int(110, { flag: 'max-pods', min: 0, zero: 'default' }),
  podsPerCore: int(0, { flag: 'pods-per-core', min: 0 }),
  systemReserved: reserved({ flag: 'system-reserved' }),
  kubeReserved: reserved({ flag: 'kube-reserved' }),
  reservedSystemCPUs: text('', { status: accepted, flag: 'reserved-cpus' }),
  systemReservedCgroup: text(undefined, { status: accepted, flag: 'system-reserved-cgroup' }),
  kubeReservedCgroup: text(undefined, { status: accepted, flag: 'kube-reserved-cgroup' }),
  enforceNodeAllocatable: list(['pods'], { flag: 'enforce-node-allocatable' }),
  localStorageCapacityIsolation: bool(true, { flag: 'local-storage-capacity-isolation' }),
  enableControllerAttachDetach: bool(true, { flag: 'enable-controller-attach-detach' }),
  shutdownGracePeriod: duration(0, { status: accepted }),
  shutdownGracePeriodCriticalPods: duration(0, { status: accepted }),
  shutdownGracePeriodByPodPriority: shutdownGraces({ status: accepted }),
} as const;

const RUNTIME = {
  containerRuntimeEndpoint: text('unix:///run/containerd/containerd.sock', {
    flag: 'container-runtime-endpoint',
    check: checkUnixEndpoint,
  }),
  imageServiceEndpoint: text(undefined, {
    flag: 'image-service-endpoint',
    check: checkUnixEndpoint,
    note: 'the runtime endpoint when not set',
  }),
  runtimeRequestTimeout: duration(2 * MINUTE, { flag: 'runtime-request-timeout' }),
  cgroupDriver: choice(['cgroupfs', 'systemd'], 'cgroupfs', {
    flag: 'cgroup-driver',
    note: 'the runtime decides where it tells its driver (CRI RuntimeConfig)',
  }),
  cgroupRoot: text('/', { flag: 'cgroup-root' }),
  cgroupsPerQOS: bool(true, { flag: 'cgroups-per-qos' }),
  kubeletCgroups: text('', { status: accepted, flag: 'kubelet-cgroups' }),
  systemCgroups: text('', { status: accepted, flag: 'system-cgroups' }),
  failCgroupV1: bool(false, {
    flag: 'fail-cgroupv1',
    note: 'false here, true in the kubelet: cgroup v1 is supported',
  }),
  failSwapOn: bool(false, {
    flag: 'fail-swap-on',
    note: 'false here, true in the kubelet: pods are kept from swap by their cgroups',
  }),
  'memorySwap.swapBehavior': choice(['NoSwap', 'LimitedSwap'], 'NoSwap', {
    note: 'NoSwap on cgroup version 1',
  }),
  protectKernelDefaults: bool(false, { flag: 'protect-kernel-defaults' }),
  oomScoreAdj: int(-999, {
    status: accepted,
    flag: 'oom-score-adj',
    min: -1000,
    max: 1000,
    note: 'the systemd unit sets it',
  }),
  maxOpenFiles: int(1_000_000, {
    status: accepted,
    flag: 'max-open-files',
    min: 0,
    zero: 'default',
    note: 'the systemd unit sets it',
  }),
  runOnce: bool(false, { status: 'refused', flag: 'runonce', note: 'the kubelet refuses it too' }),
} as const;

const PODS = {
  podLogsDir: text('/var/log/pods', { check: path => checkAbsolutePath(path) ?? checkASCII(path) }),
  syncFrequency: duration(MINUTE, {
    status: accepted,
    flag: 'sync-frequency',
    note: 'pods are looked at when something changes',
  }),
  staticPodPath: path(undefined, { flag: 'pod-manifest-path' }),
  staticPodURL: text(undefined, { flag: 'manifest-url' }),
  staticPodURLHeader: map<readonly string[]>({
    type: 'map of lists',
    readValue: raw => list([]).parse(raw, ''),
  }),
  fileCheckFrequency: duration(20 * SECOND, {
    status: accepted,
    flag: 'file-check-frequency',
    note: 'files are read when they change, and looked at every 10 s',
  }),
  httpCheckFrequency: duration(20 * SECOND, { flag: 'http-check-frequency' }),
  clusterDNS: list([], { flag: 'cluster-dns', check: checkAddress }),
  clusterDomain: text(undefined, { flag: 'cluster-domain' }),
  resolvConf: path('/etc/resolv.conf', { flag: 'resolv-conf', zero: 'value' }),
  'crashLoopBackOff.maxContainerRestartPeriod': duration(5 * MINUTE, {
    zero: 'value',
    minMs: SECOND,
    maxMs: 5 * MINUTE,
  }),
  podPidsLimit: int(-1, { flag: 'pod-max-pids' }),
  cpuCFSQuota: bool(true, { flag: 'cpu-cfs-quota' }),
  cpuCFSQuotaPeriod: duration(100, {
    flag: 'cpu-cfs-quota-period',
    zero: 'value',
    minMs: 1,
    maxMs: SECOND,
  }),
  seccompDefault: bool(false, { flag: 'seccomp-default' }),
  allowedUnsafeSysctls: list([], { flag: 'allowed-unsafe-sysctls' }),
  singleProcessOOMKill: bool(undefined),
  'userNamespaces.idsPerPod': int(USER_NAMESPACE_UNIT, {
    min: USER_NAMESPACE_UNIT,
    max: 2 ** 32 - 1,
    multipleOf: USER_NAMESPACE_UNIT,
  }),
  containerLogMaxSize: bytes('10Mi', { flag: 'container-log-max-size' }),
  containerLogMaxFiles: int(5, { flag: 'container-log-max-files', min: 2 }),
  containerLogMaxWorkers: int(1, { min: 1 }),
  containerLogMonitorInterval: duration(10 * SECOND, { zero: 'value', minMs: 3 * SECOND }),
  configMapAndSecretChangeDetectionStrategy: choice(['Watch', 'Cache', 'Get'], 'Watch', {
    status: accepted,
    note: 'always Watch',
  }),
  volumeStatsAggPeriod: duration(MINUTE, { status: accepted, flag: 'volume-stats-agg-period' }),
  volumePluginDir: path('/usr/libexec/kubernetes/kubelet-plugins/volume/exec/', {
    status: accepted,
    flag: 'volume-plugin-dir',
    note: 'flexvolume drivers are not run',
  }),
  hairpinMode: choice(['promiscuous-bridge', 'hairpin-veth', 'none'], 'promiscuous-bridge', {
    status: accepted,
    flag: 'hairpin-mode',
    note: 'without effect with CRI, as in the kubelet',
  }),
} as const;

const IMAGES = {
  serializeImagePulls: bool(false, {
    flag: 'serialize-image-pulls',
    note: 'false here, true in the kubelet: pulls run in parallel',
  }),
  maxParallelImagePulls: int(undefined, { min: 1 }),
  registryPullQPS: int(5, { status: accepted, flag: 'registry-qps', min: 0 }),
  registryBurst: int(10, { status: accepted, flag: 'registry-burst', min: 0, zero: 'default' }),
  imageGCHighThresholdPercent: int(85, {
    status: accepted,
    flag: 'image-gc-high-threshold',
    min: 0,
    max: 100,
  }),
  imageGCLowThresholdPercent: int(80, { status: accepted, flag: 'image-gc-low-threshold', min: 0, max: 100 }),
  imageMinimumGCAge: duration(2 * MINUTE, { status: accepted, flag: 'minimum-image-ttl-duration' }),
  imageMaximumGCAge: duration(0, { status: accepted }),
  imagePullCredentialsVerificationPolicy: choice(
    ['NeverVerify', 'NeverVerifyPreloadedImages', 'NeverVerifyAllowlistedImages', 'AlwaysVerify'],
    'NeverVerifyPreloadedImages',
  ),
  preloadedImagesVerificationAllowlist: list([], { check: checkImagePattern }),
} as const;

const EVICTION = {
  evictionHard: thresholds({
    flag: 'eviction-hard',
    separator: '<',
    fallback: DEFAULT_EVICTION_HARD,
    note: 'subtracted from allocatable; nothing is evicted yet',
  }),
  mergeDefaultEvictionSettings: bool(false),
  evictionSoft: thresholds({ status: accepted, flag: 'eviction-soft', separator: '<' }),
  evictionSoftGracePeriod: durationMap({
    status: accepted,
    flag: 'eviction-soft-grace-period',
    checkKey: checkEvictionSignal,
  }),
  evictionMinimumReclaim: thresholds({ status: accepted, flag: 'eviction-minimum-reclaim', separator: '=' }),
  evictionPressureTransitionPeriod: duration(5 * MINUTE, {
    status: accepted,
    flag: 'eviction-pressure-transition-period',
  }),
  evictionMaxPodGracePeriod: int(0, { status: accepted, flag: 'eviction-max-pod-grace-period', min: 0 }),
} as const;

const API = {
  rotateCertificates: bool(false, { flag: 'rotate-certificates' }),
  kubeAPIQPS: int(50, { status: accepted, flag: 'kube-api-qps', min: 0 }),
  kubeAPIBurst: int(100, { status: accepted, flag: 'kube-api-burst', min: 0, zero: 'default' }),
  contentType: text('application/vnd.kubernetes.protobuf', {
    status: accepted,
    flag: 'kube-api-content-type',
    note: 'always application/json',
  }),
  eventRecordQPS: int(50, { status: accepted, flag: 'event-qps', min: 0 }),
  eventBurst: int(100, { status: accepted, flag: 'event-burst', min: 0, zero: 'default' }),
  podCIDR: text(undefined, {
    flag: 'pod-cidr',
    check: checkCIDRs,
    note: 'only without an API server: the Node object decides',
  }),
} as const;

const SERVER = {
  enableServer: bool(true, { flag: 'enable-server' }),
  address: text('0.0.0.0', { flag: 'address', check: checkAddress }),
  port: int(10_250, { flag: 'port', min: 1, max: 65_535, zero: 'default' }),
  readOnlyPort: int(0, { flag: 'read-only-port', min: 0, max: 65_535 }),
  healthzPort: int(10_248, { flag: 'healthz-port', min: 0, max: 65_535 }),
  healthzBindAddress: text('127.0.0.1', {
    flag: 'healthz-bind-address',
    check: checkAddress,
  }),
  tlsCertFile: path(undefined, { flag: 'tls-cert-file' }),
  tlsPrivateKeyFile: path(undefined, { flag: 'tls-private-key-file' }),
  tlsCipherSuites: list([], { flag: 'tls-cipher-suites' }),
  tlsCurvePreferences: opaque('list of numbers', { status: accepted }),
  tlsMinVersion: text(undefined, { flag: 'tls-min-version' }),
  serverTLSBootstrap: bool(false, { flag: 'rotate-server-certificates' }),
  'authentication.anonymous.enabled': bool(false, { flag: 'anonymous-auth' }),
  'authentication.webhook.enabled': bool(true, { flag: 'authentication-token-webhook' }),
  'authentication.webhook.cacheTTL': duration(2 * MINUTE, {
    flag: 'authentication-token-webhook-cache-ttl',
  }),
  'authentication.x509.clientCAFile': path(undefined, { flag: 'client-ca-file' }),
  'authorization.mode': choice(['Webhook', 'AlwaysAllow'], 'Webhook', {
    flag: 'authorization-mode',
  }),
  'authorization.webhook.cacheAuthorizedTTL': duration(5 * MINUTE, {
    flag: 'authorization-webhook-cache-authorized-ttl',
  }),
  'authorization.webhook.cacheUnauthorizedTTL': duration(30 * SECOND, {
    flag: 'authorization-webhook-cache-unauthorized-ttl',
  }),
  enableDebuggingHandlers: bool(true, { flag: 'enable-debugging-handlers' }),
  enableContentionProfiling: bool(false, { status: accepted, flag: 'contention-profiling' }),
  enableProfilingHandler: bool(true),
  enableDebugFlagsHandler: bool(true),
  enableSystemLogHandler: bool(true),
  enableSystemLogQuery: bool(false),
  streamingConnectionIdleTimeout: duration(4 * 60 * MINUTE, {
    flag: 'streaming-connection-idle-timeout',
  }),
} as const;

const RESOURCE_MANAGERS = {
  cpuManagerPolicy: choice(['none', 'static'], 'none', {
    status: accepted,
    flag: 'cpu-manager-policy',
    note: 'always none: CPUs are not pinned',
  }),
  cpuManagerPolicyOptions: textMap({ status: accepted, flag: 'cpu-manager-policy-options' }),
  cpuManagerReconcilePeriod: duration(10 * SECOND, {
    status: accepted,
    flag: 'cpu-manager-reconcile-period',
  }),
  memoryManagerPolicy: choice(['None', 'Static'], 'None', {
    status: accepted,
    flag: 'memory-manager-policy',
    note: 'always None: memory is not pinned',
  }),
  reservedMemory: opaque('list', { status: accepted, flag: 'reserved-memory' }),
  topologyManagerPolicy: choice(['none', 'best-effort', 'restricted', 'single-numa-node'], 'none', {
    status: accepted,
    flag: 'topology-manager-policy',
    note: 'always none',
  }),
  topologyManagerScope: choice(['container', 'pod'], 'container', {
    status: accepted,
    flag: 'topology-manager-scope',
  }),
  topologyManagerPolicyOptions: textMap({ status: accepted, flag: 'topology-manager-policy-options' }),
  qosReserved: textMap({ status: accepted, flag: 'qos-reserved' }),
  memoryThrottlingFactor: float(0.9, {
    min: Number.MIN_VALUE,
    max: 1,
    note: 'with the feature gate MemoryQoS, on cgroup v2',
  }),
  memoryReservationPolicy: choice(['None', 'TieredReservation'], 'None', {
    status: 'refused',
    note: 'TieredReservation: memory.min and memory.low stay 0',
  }),
  kernelMemcgNotification: bool(false, { status: accepted, flag: 'kernel-memcg-notification' }),
  makeIPTablesUtilChains: bool(true, { status: accepted, flag: 'make-iptables-util-chains' }),
  iptablesMasqueradeBit: int(14, { status: accepted, min: 0, max: 31 }),
  iptablesDropBit: int(15, { status: accepted, min: 0, max: 31 }),
} as const;

const OBSERVABILITY = {
  featureGates: boolMap({
    flag: 'feature-gates',
    doesFlagMerge: true,
    note: `looked at: ${FEATURE_GATES.join(', ')}`,
  }),
  showHiddenMetricsForVersion: text('', { status: accepted, flag: 'show-hidden-metrics-for-version' }),
  'logging.format': text('text', { flag: 'logging-format', check: checkLogFormat }),
  'logging.verbosity': int(0, {
    flag: 'v',
    min: 0,
    note: '4 or more is our debug level; nodelet.log.level wins',
  }),
  'logging.flushFrequency': opaque('duration', { status: accepted, flag: 'log-flush-frequency' }),
  'logging.vmodule': opaque('list', { status: accepted, flag: 'vmodule' }),
  'logging.options': opaque('map', { status: accepted }),
  'tracing.endpoint': text(undefined, { status: accepted }),
  'tracing.samplingRatePerMillion': int(0, { status: accepted, min: 0, max: 1_000_000 }),
} as const;

function checkLogFormat(format: string): string | undefined {
  return format === 'text' || format === 'json'
    ? undefined
    : `expected text or json, got ${JSON.stringify(format)}`;
}

export const KUBELET_FIELDS = {
  ...NODE,
  ...RUNTIME,
  ...PODS,
  ...IMAGES,
  ...EVICTION,
  ...API,
  ...SERVER,
  ...RESOURCE_MANAGERS,
  ...OBSERVABILITY,
} as const;
