// The frozen result of flags, file, drop-ins and defaults. main.ts hands each subsystem its own section.

export interface Config {
  readonly node: NodeConfig;
  readonly api: ApiConfig;
  readonly runtime: RuntimeConfig;
  readonly pods: PodsConfig;
  readonly images: ImagesConfig;
  readonly eviction: EvictionConfig;
  readonly network: NetworkConfig;
  readonly proxy: ProxyConfig;
  readonly server: ServerConfig;
  readonly log: LogConfig;
  /** The kubelet's feature gates as written; a gate that is not named has Kubernetes' own default. */
  readonly featureGates: Readonly<Record<string, boolean>>;
  /** Every setting in force by its name in the file, for those who compare. */
  readonly settings: readonly { readonly path: string; readonly value: unknown }[];
  /** All of it as the kubelet's own file would say it, for those who ask over the network. */
  readonly document: Readonly<Record<string, unknown>>;
  /** The same by flag. */
  readonly flags: Readonly<Record<string, string>>;
}

export interface NodeConfig {
  /** `metadata.name` of our Node: --hostname-override or the host name, in lower case. */
  readonly name: string;
  /** Empty: found by the node itself. At most one address per family; `0.0.0.0` or `::` only picks the family. */
  readonly ips: readonly string[];
  /** Set when the Node is created, on top of the default labels. */
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly NodeTaint[];
  readonly register: boolean;
  readonly providerID: string | undefined;
  readonly cloudProvider: 'none' | 'external';
  readonly leaseDurationSeconds: number;
  readonly statusUpdateFrequencyMs: number;
  readonly statusReportFrequencyMs: number;
  /** -1: no limit. */
  readonly statusMaxImages: number;
  readonly maxPods: number;
  /** 0: only maxPods counts. */
  readonly podsPerCore: number;
  readonly systemReserved: ReservedResources;
  readonly kubeReserved: ReservedResources;
  /** The same object as `eviction.hard`: hard thresholds are subtracted from allocatable. */
  readonly evictionHard: EvictionThresholds;
  readonly enforceNodeAllocatable: readonly string[];
  readonly systemReservedCgroup: string | undefined;
  readonly kubeReservedCgroup: string | undefined;
  readonly localStorageCapacityIsolation: boolean;
  readonly enableControllerAttachDetach: boolean;
  readonly shutdownGracePeriodMs: number;
  readonly shutdownGracePeriodCriticalPodsMs: number;
  readonly shutdownGracePeriodByPodPriority: readonly PriorityShutdownGrace[];
}

export interface NodeTaint {
  readonly key: string;
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

export interface ReservedResources {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  readonly pids: number;
}

export interface PriorityShutdownGrace {
  readonly priority: number;
  readonly shutdownGracePeriodSeconds: number;
}

export interface ApiConfig {
  /** Undefined: there is no API server; `nodelet run` then runs static pods only. */
  readonly kubeconfigPath: string | undefined;
  readonly bootstrapKubeconfigPath: string | undefined;
  readonly certDir: string;
  readonly rotateCertificates: boolean;
  /** Requests per second over all clients but the heartbeat's; 0: no limit. */
  readonly qps: number;
  readonly burst: number;
  /** 0: no limit. */
  readonly eventQPS: number;
  readonly eventBurst: number;
}

export interface RuntimeConfig {
  /** `unix:///path` of the RuntimeService. */
  readonly endpoint: string;
  readonly imageEndpoint: string;
  readonly requestTimeoutMs: number;
  /** What the file says; the runtime's own answer (CRI RuntimeConfig) wins where it gives one. */
  readonly cgroupDriver: 'cgroupfs' | 'systemd';
  readonly cgroupRoot: string;
  readonly cgroupsPerQOS: boolean;
  /** The runtime's own cgroup, for its statistics; empty: not told. */
  readonly runtimeCgroups: string;
  readonly failCgroupV1: boolean;
  readonly failSwapOn: boolean;
  readonly swapBehavior: 'NoSwap' | 'LimitedSwap';
  readonly protectKernelDefaults: boolean;
}

export interface PodsConfig {
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly staticPodPath: string | undefined;
  readonly staticPodURL: string | undefined;
  readonly staticPodURLHeader: Readonly<Record<string, readonly string[]>>;
  readonly fileCheckFrequencyMs: number;
  readonly httpCheckFrequencyMs: number;
  readonly syncFrequencyMs: number;
  readonly clusterDNS: readonly string[];
  readonly clusterDomain: string | undefined;
  /** Empty: pods inherit no resolver configuration from the host. */
  readonly resolvConf: string;
  readonly crashLoopBackOffMaxMs: number;
  /** -1: the node's own limit. */
  readonly podPidsLimit: number;
  readonly cpuCFSQuota: boolean;
  readonly cpuCFSQuotaPeriodMs: number;
  readonly seccompDefault: boolean;
  readonly allowedUnsafeSysctls: readonly string[];
  /** Undefined: false on cgroup v2, true on v1, as the kernel offers it. */
  readonly singleProcessOOMKill: boolean | undefined;
  /** Undefined: containers are not slowed down before their limit (feature gate MemoryQoS is off). */
  readonly memoryThrottlingFactor: number | undefined;
  readonly userNamespaceIDsPerPod: number;
  readonly containerLogMaxSizeBytes: number;
  readonly containerLogMaxFiles: number;
  readonly containerLogMaxWorkers: number;
  readonly containerLogMonitorIntervalMs: number;
  readonly volumeStatsAggPeriodMs: number;
  /** Dead containers kept per container of a pod. */
  readonly maxDeadContainersPerContainer: number;
}

export interface ImagesConfig {
  /** 1: pulls are serial. */
  readonly maxParallelPulls: number;
  /** 0: no limit. */
  readonly registryPullQPS: number;
  readonly registryBurst: number;
  readonly gcHighThresholdPercent: number;
  readonly gcLowThresholdPercent: number;
  readonly minimumGCAgeMs: number;
  /** 0: age alone removes no image. */
  readonly maximumGCAgeMs: number;
  readonly pullCredentialsVerificationPolicy:
    | 'NeverVerify'
    | 'NeverVerifyPreloadedImages'
    | 'NeverVerifyAllowlistedImages'
    | 'AlwaysVerify';
  readonly preloadedVerificationAllowlist: readonly string[];
  readonly credentialProviderConfig: string | undefined;
  readonly credentialProviderBinDir: string | undefined;
}

export type EvictionSignal =
  | 'memory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'
  | 'containerfs.available'
  | 'containerfs.inodesFree'
  | 'allocatableMemory.available'
  | 'pid.available';

/** A share of the capacity, or an amount in bytes, inodes or process ids. */
export type EvictionAmount =
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'amount'; readonly amount: number };

/** A signal that is not named has no threshold. */
export type EvictionThresholds = Readonly<Partial<Record<EvictionSignal, EvictionAmount>>>;

export interface EvictionConfig {
  readonly hard: EvictionThresholds;
  readonly soft: EvictionThresholds;
  readonly softGracePeriodMs: Readonly<Partial<Record<EvictionSignal, number>>>;
  readonly minimumReclaim: EvictionThresholds;
  readonly pressureTransitionPeriodMs: number;
  readonly maxPodGracePeriodSeconds: number;
}

export interface NetworkConfig {
  /** `auto`: we write the CNI configuration unless the directory holds somebody else's. */
  readonly manageCNI: 'auto' | boolean;
  readonly cniConfDir: string;
  readonly cniBinDirs: readonly string[];
  readonly bridgeName: string;
  /** Pods leave the cluster with the node's address. */
  readonly masquerade: boolean;
  /** 0: that of the interface with the default route. */
  readonly mtu: number;
  /** Routes to the other nodes' podCIDRs through their InternalIPs. */
  readonly nodeRoutes: boolean;
  /** Only for a node without an API server; otherwise the Node object says. */
  readonly podCIDR: string | undefined;
}

export interface ProxyConfig {
  readonly proxyEnabled: boolean;
  /** Sources that are pods; empty: the own podCIDRs. */
  readonly clusterCIDRs: readonly string[];
  readonly masqueradeAll: boolean;
  /** CIDRs, or `primary` for the node's InternalIPs; empty: every own address. */
  readonly nodePortAddresses: readonly string[];
  readonly localhostNodePorts: boolean;
  /** For load balancers; undefined: off. */
  readonly healthzBindAddress: BindAddress | undefined;
  /** undefined: off. */
  readonly metricsBindAddress: BindAddress | undefined;
}

export interface BindAddress {
  readonly address: string;
  readonly port: number;
}

export interface ServerConfig {
  readonly enabled: boolean;
  readonly address: string;
  readonly port: number;
  /** 0: off. */
  readonly readOnlyPort: number;
  readonly healthzAddress: string;
  /** 0: off. */
  readonly healthzPort: number;
  readonly tlsCertFile: string | undefined;
  readonly tlsPrivateKeyFile: string | undefined;
  readonly tlsCipherSuites: readonly string[];
  readonly tlsMinVersion: string | undefined;
  /** The serving certificate comes from a CertificateSigningRequest. */
  readonly tlsBootstrap: boolean;
  readonly anonymousAuth: boolean;
  readonly webhookAuthentication: boolean;
  readonly webhookAuthenticationCacheTTLMs: number;
  readonly clientCAFile: string | undefined;
  readonly authorizationMode: 'AlwaysAllow' | 'Webhook';
  readonly webhookAuthorizedTTLMs: number;
  readonly webhookUnauthorizedTTLMs: number;
  /** No byte in either direction for this long ends an exec, attach or port-forward. */
  readonly streamingIdleTimeoutMs: number;
  readonly debuggingHandlers: boolean;
  readonly systemLogHandler: boolean;
  readonly systemLogQuery: boolean;
  readonly profilingHandler: boolean;
  readonly debugFlagsHandler: boolean;
}

export interface LogConfig {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  /** `auto`: journal fields under systemd, human lines on a terminal, JSON lines into a pipe. */
  readonly format: 'auto' | 'json' | 'text' | 'journal';
}
