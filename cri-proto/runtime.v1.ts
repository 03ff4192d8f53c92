// Made by generate-types.ts from runtime.v1.proto: change that file, then run `node cri-proto/generate-types.ts`.
// A message that goes both ways has two types: `Mount` as received, `MountInput` as sent. Received fields are all
// there (null for a missing message); sent fields are all optional.

/** A 64-bit number as decimal text: nanoseconds do not fit a double. */
export type Int64 = string;
export type Int64Input = string | number;

export type CgroupDriver = 'SYSTEMD' | 'CGROUPFS';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export type SupplementalGroupsPolicy = 'Merge' | 'Strict';

export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE' | 'TARGET';

export type ProfileType = 'RuntimeDefault' | 'Unconfined' | 'Localhost';

export type PodSandboxState = 'SANDBOX_READY' | 'SANDBOX_NOTREADY';

export type MountPropagation =
  | 'PROPAGATION_PRIVATE'
  | 'PROPAGATION_HOST_TO_CONTAINER'
  | 'PROPAGATION_BIDIRECTIONAL';

/** By alphabet: these numbers are not the kernel's. */
export type Signal =
  | 'RUNTIME_DEFAULT'
  | 'SIGABRT'
  | 'SIGALRM'
  | 'SIGBUS'
  | 'SIGCHLD'
  | 'SIGCLD'
  | 'SIGCONT'
  | 'SIGFPE'
  | 'SIGHUP'
  | 'SIGILL'
  | 'SIGINT'
  | 'SIGIO'
  | 'SIGIOT'
  | 'SIGKILL'
  | 'SIGPIPE'
  | 'SIGPOLL'
  | 'SIGPROF'
  | 'SIGPWR'
  | 'SIGQUIT'
  | 'SIGSEGV'
  | 'SIGSTKFLT'
  | 'SIGSTOP'
  | 'SIGSYS'
  | 'SIGTERM'
  | 'SIGTRAP'
  | 'SIGTSTP'
  | 'SIGTTIN'
  | 'SIGTTOU'
  | 'SIGURG'
  | 'SIGUSR1'
  | 'SIGUSR2'
  | 'SIGVTALRM'
  | 'SIGWINCH'
  | 'SIGXCPU'
  | 'SIGXFSZ'
  | 'SIGRTMIN'
  | 'SIGRTMINPLUS1'
  | 'SIGRTMINPLUS2'
  | 'SIGRTMINPLUS3'
  | 'SIGRTMINPLUS4'
  | 'SIGRTMINPLUS5'
  | 'SIGRTMINPLUS6'
  | 'SIGRTMINPLUS7'
  | 'SIGRTMINPLUS8'
  | 'SIGRTMINPLUS9'
  | 'SIGRTMINPLUS10'
  | 'SIGRTMINPLUS11'
  | 'SIGRTMINPLUS12'
  | 'SIGRTMINPLUS13'
  | 'SIGRTMINPLUS14'
  | 'SIGRTMINPLUS15'
  | 'SIGRTMAXMINUS14'
  | 'SIGRTMAXMINUS13'
  | 'SIGRTMAXMINUS12'
  | 'SIGRTMAXMINUS11'
  | 'SIGRTMAXMINUS10'
  | 'SIGRTMAXMINUS9'
  | 'SIGRTMAXMINUS8'
  | 'SIGRTMAXMINUS7'
  | 'SIGRTMAXMINUS6'
  | 'SIGRTMAXMINUS5'
  | 'SIGRTMAXMINUS4'
  | 'SIGRTMAXMINUS3'
  | 'SIGRTMAXMINUS2'
  | 'SIGRTMAXMINUS1'
  | 'SIGRTMAX';

export type ContainerState =
  | 'CONTAINER_CREATED'
  | 'CONTAINER_RUNNING'
  | 'CONTAINER_EXITED'
  | 'CONTAINER_UNKNOWN';

export type ContainerEventType =
  | 'CONTAINER_CREATED_EVENT'
  | 'CONTAINER_STARTED_EVENT'
  | 'CONTAINER_STOPPED_EVENT'
  | 'CONTAINER_DELETED_EVENT';

export type MetricType = 'COUNTER' | 'GAUGE';

export interface Int64ValueInput {
  readonly value?: Int64Input | undefined;
}

export interface Int64Value {
  readonly value: Int64;
}

export interface UInt64Value {
  readonly value: Int64;
}

export interface VersionRequest {
  /** The version of the caller's own protocol, "0.1.0" by custom. */
  readonly version?: string | undefined;
}

export interface VersionResponse {
  readonly version: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  /** "v1" on everything supported here. */
  readonly runtimeApiVersion: string;
}

export interface StatusRequest {
  /** Also fill `info`, whose keys and JSON values are each runtime's own. */
  readonly verbose?: boolean | undefined;
}

export interface StatusResponse {
  readonly status: RuntimeStatus | null;
  readonly info: Readonly<Record<string, string>>;
  /** Since 1.30; empty from a runtime that cannot tell. */
  readonly runtimeHandlers: readonly RuntimeHandler[];
  /** Since 1.31. */
  readonly features: RuntimeFeatures | null;
}

export interface RuntimeStatus {
  /** RuntimeReady and NetworkReady at least; a runtime may add its own. */
  readonly conditions: readonly RuntimeCondition[];
}

export interface RuntimeCondition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface RuntimeHandler {
  /** Empty for the default handler. */
  readonly name: string;
  readonly features: RuntimeHandlerFeatures | null;
}

export interface RuntimeHandlerFeatures {
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

export interface RuntimeFeatures {
  readonly supplementalGroupsPolicy: boolean;
  /** Since 1.36: a pod on the host's network may have a user namespace. */
  readonly userNamespacesHostNetwork: boolean;
}

export type RuntimeConfigRequest = Readonly<Record<string, never>>;

export interface RuntimeConfigResponse {
  readonly linux: LinuxRuntimeConfiguration | null;
}

export interface LinuxRuntimeConfiguration {
  readonly cgroupDriver: CgroupDriver;
}

export interface UpdateRuntimeConfigRequest {
  readonly runtimeConfig?: RuntimeConfig | undefined;
}

export type UpdateRuntimeConfigResponse = Readonly<Record<string, never>>;

export interface RuntimeConfig {
  readonly networkConfig?: NetworkConfig | undefined;
}

export interface NetworkConfig {
  /** Several are joined by commas. */
  readonly podCidr?: string | undefined;
}

export interface RunPodSandboxRequest {
  readonly config?: PodSandboxConfig | undefined;
  /** The RuntimeClass's handler, empty for the default. */
  readonly runtimeHandler?: string | undefined;
}

export interface RunPodSandboxResponse {
  readonly podSandboxId: string;
}

export interface PodSandboxConfig {
  readonly metadata?: PodSandboxMetadataInput | undefined;
  /** Empty on the host's network. */
  readonly hostname?: string | undefined;
  /** Where the containers' `log_path` starts. */
  readonly logDirectory?: string | undefined;
  readonly dnsConfig?: DNSConfig | undefined;
  readonly portMappings?: readonly PortMapping[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly linux?: LinuxPodSandboxConfig | undefined;
}

export interface PodSandboxMetadataInput {
  readonly name?: string | undefined;
  readonly uid?: string | undefined;
  readonly namespace?: string | undefined;
  /** Counts the sandboxes one pod has had, from 0. */
  readonly attempt?: number | undefined;
}

export interface PodSandboxMetadata {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  /** Counts the sandboxes one pod has had, from 0. */
  readonly attempt: number;
}

export interface DNSConfig {
  readonly servers?: readonly string[] | undefined;
  readonly searches?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

export interface PortMapping {
  readonly protocol?: Protocol | undefined;
  readonly containerPort?: number | undefined;
  readonly hostPort?: number | undefined;
  readonly hostIp?: string | undefined;
}

export interface LinuxPodSandboxConfig {
  /** A path with the cgroupfs driver, a slice name with systemd's. */
  readonly cgroupParent?: string | undefined;
  readonly securityContext?: LinuxSandboxSecurityContext | undefined;
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
  readonly overhead?: LinuxContainerResourcesInput | undefined;
  /** The sum of the containers' own. */
  readonly resources?: LinuxContainerResourcesInput | undefined;
}

export interface LinuxSandboxSecurityContext {
  readonly namespaceOptions?: NamespaceOptionInput | undefined;
  readonly selinuxOptions?: SELinuxOption | undefined;
  readonly runAsUser?: Int64ValueInput | undefined;
  /** Only together with run_as_user. */
  readonly runAsGroup?: Int64ValueInput | undefined;
  readonly readonlyRootfs?: boolean | undefined;
  readonly supplementalGroups?: readonly Int64Input[] | undefined;
  /** Since 1.31. */
  readonly supplementalGroupsPolicy?: SupplementalGroupsPolicy | undefined;
  /** Must be set before any container of the pod can be privileged. */
  readonly privileged?: boolean | undefined;
  readonly seccomp?: SecurityProfile | undefined;
  readonly apparmor?: SecurityProfile | undefined;
  /** The old spelling of `seccomp`. */
  readonly seccompProfilePath?: string | undefined;
}

export interface NamespaceOptionInput {
  readonly network?: NamespaceMode | undefined;
  readonly pid?: NamespaceMode | undefined;
  readonly ipc?: NamespaceMode | undefined;
  /** The container whose namespace TARGET means. */
  readonly targetId?: string | undefined;
  /** Missing means the host's user namespace. */
  readonly usernsOptions?: UserNamespaceInput | undefined;
}

export interface NamespaceOption {
  readonly network: NamespaceMode;
  readonly pid: NamespaceMode;
  readonly ipc: NamespaceMode;
  /** The container whose namespace TARGET means. */
  readonly targetId: string;
  /** Missing means the host's user namespace. */
  readonly usernsOptions: UserNamespace | null;
}

export interface UserNamespaceInput {
  /** POD or NODE. */
  readonly mode?: NamespaceMode | undefined;
  readonly uids?: readonly IDMappingInput[] | undefined;
  readonly gids?: readonly IDMappingInput[] | undefined;
}

export interface UserNamespace {
  /** POD or NODE. */
  readonly mode: NamespaceMode;
  readonly uids: readonly IDMapping[];
  readonly gids: readonly IDMapping[];
}

export interface IDMappingInput {
  readonly hostId?: number | undefined;
  readonly containerId?: number | undefined;
  readonly length?: number | undefined;
}

export interface IDMapping {
  readonly hostId: number;
  readonly containerId: number;
  readonly length: number;
}

export interface SELinuxOption {
  readonly user?: string | undefined;
  readonly role?: string | undefined;
  readonly type?: string | undefined;
  readonly level?: string | undefined;
}

export interface SecurityProfile {
  readonly profileType?: ProfileType | undefined;
  /** Seccomp: an absolute path; AppArmor: the loaded profile's name. Only for Localhost. */
  readonly localhostRef?: string | undefined;
}

export interface UpdatePodSandboxResourcesRequest {
  readonly podSandboxId?: string | undefined;
  readonly overhead?: LinuxContainerResourcesInput | undefined;
  readonly resources?: LinuxContainerResourcesInput | undefined;
}

export type UpdatePodSandboxResourcesResponse = Readonly<Record<string, never>>;

export interface StopPodSandboxRequest {
  readonly podSandboxId?: string | undefined;
}

export type StopPodSandboxResponse = Readonly<Record<string, never>>;

export interface RemovePodSandboxRequest {
  readonly podSandboxId?: string | undefined;
}

export type RemovePodSandboxResponse = Readonly<Record<string, never>>;

export interface ListPodSandboxRequest {
  readonly filter?: PodSandboxFilter | undefined;
}

/** Everything set has to match. */
export interface PodSandboxFilter {
  readonly id?: string | undefined;
  readonly state?: PodSandboxStateValue | undefined;
  readonly labelSelector?: Readonly<Record<string, string>> | undefined;
}

export interface PodSandboxStateValue {
  readonly state?: PodSandboxState | undefined;
}

export interface ListPodSandboxResponse {
  readonly items: readonly PodSandbox[];
}

export interface PodSandbox {
  readonly id: string;
  readonly metadata: PodSandboxMetadata | null;
  readonly state: PodSandboxState;
  readonly createdAt: Int64;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly runtimeHandler: string;
}

export interface PodSandboxStatusRequest {
  readonly podSandboxId?: string | undefined;
  readonly verbose?: boolean | undefined;
}

export interface PodSandboxStatusResponse {
  readonly status: PodSandboxStatus | null;
  readonly info: Readonly<Record<string, string>>;
  /** Since 1.26, and only with evented PLEG support: the containers as of `timestamp`. */
  readonly containersStatuses: readonly ContainerStatus[];
  readonly timestamp: Int64;
}

export interface PodSandboxStatus {
  readonly id: string;
  readonly metadata: PodSandboxMetadata | null;
  readonly state: PodSandboxState;
  readonly createdAt: Int64;
  readonly network: PodSandboxNetworkStatus | null;
  readonly linux: LinuxPodSandboxStatus | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly runtimeHandler: string;
}

export interface PodSandboxNetworkStatus {
  /** Empty on the host's network. */
  readonly ip: string;
  /** The other address of a dual-stack pod. */
  readonly additionalIps: readonly PodIP[];
}

export interface PodIP {
  readonly ip: string;
}

export interface LinuxPodSandboxStatus {
  readonly namespaces: Namespace | null;
}

export interface Namespace {
  readonly options: NamespaceOption | null;
}

export interface CreateContainerRequest {
  readonly podSandboxId?: string | undefined;
  readonly config?: ContainerConfig | undefined;
  /** The same that RunPodSandbox got. */
  readonly sandboxConfig?: PodSandboxConfig | undefined;
}

export interface CreateContainerResponse {
  readonly containerId: string;
}

export interface ContainerConfig {
  readonly metadata?: ContainerMetadataInput | undefined;
  readonly image?: ImageSpecInput | undefined;
  /** Replaces the image's entrypoint, unless empty. */
  readonly command?: readonly string[] | undefined;
  /** Replaces the image's command, unless empty. */
  readonly args?: readonly string[] | undefined;
  readonly workingDir?: string | undefined;
  readonly envs?: readonly KeyValue[] | undefined;
  readonly mounts?: readonly MountInput[] | undefined;
  readonly devices?: readonly Device[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Relative to the sandbox's `log_directory`. */
  readonly logPath?: string | undefined;
  readonly stdin?: boolean | undefined;
  /** Close stdin when the first attach session ends. */
  readonly stdinOnce?: boolean | undefined;
  readonly tty?: boolean | undefined;
  readonly linux?: LinuxContainerConfig | undefined;
  /** Since 1.27. */
  readonly CDIDevices?: readonly CDIDevice[] | undefined;
  /** Since 1.33. */
  readonly stopSignal?: Signal | undefined;
}

export interface ContainerMetadata {
  readonly name: string;
  /** Counts this container's starts in the pod, from 0: the restart count. */
  readonly attempt: number;
}

export interface ContainerMetadataInput {
  readonly name?: string | undefined;
  /** Counts this container's starts in the pod, from 0: the restart count. */
  readonly attempt?: number | undefined;
}

export interface ImageSpec {
  /** What the runtime calls the image: a reference in requests, often an ID in answers. */
  readonly image: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Since 1.28: the text in the pod spec. */
  readonly userSpecifiedImage: string;
  /** Since 1.29. */
  readonly runtimeHandler: string;
  /** Since 1.36. */
  readonly imageRef: string;
}

export interface ImageSpecInput {
  /** What the runtime calls the image: a reference in requests, often an ID in answers. */
  readonly image?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Since 1.28: the text in the pod spec. */
  readonly userSpecifiedImage?: string | undefined;
  /** Since 1.29. */
  readonly runtimeHandler?: string | undefined;
  /** Since 1.36. */
  readonly imageRef?: string | undefined;
}

export interface KeyValue {
  readonly key?: string | undefined;
  /** The Go module of cri-api 0.36 says bytes: the same on the wire as text, but it need not be UTF-8. */
  readonly value?: Uint8Array | undefined;
}

export interface Mount {
  readonly containerPath: string;
  /** A missing host path becomes a directory. */
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly selinuxRelabel: boolean;
  readonly propagation: MountPropagation;
  /** Since 1.27. */
  readonly uidMappings: readonly IDMapping[];
  readonly gidMappings: readonly IDMapping[];
  /** Since 1.30; needs `readonly` and private propagation. */
  readonly recursiveReadOnly: boolean;
  /** Since 1.31: an image volume, in place of `host_path`. */
  readonly image: ImageSpec | null;
  /** Since 1.33. */
  readonly imageSubPath: string;
}

export interface MountInput {
  readonly containerPath?: string | undefined;
  /** A missing host path becomes a directory. */
  readonly hostPath?: string | undefined;
  readonly readonly?: boolean | undefined;
  readonly selinuxRelabel?: boolean | undefined;
  readonly propagation?: MountPropagation | undefined;
  /** Since 1.27. */
  readonly uidMappings?: readonly IDMappingInput[] | undefined;
  readonly gidMappings?: readonly IDMappingInput[] | undefined;
  /** Since 1.30; needs `readonly` and private propagation. */
  readonly recursiveReadOnly?: boolean | undefined;
  /** Since 1.31: an image volume, in place of `host_path`. */
  readonly image?: ImageSpecInput | undefined;
  /** Since 1.33. */
  readonly imageSubPath?: string | undefined;
}

export interface Device {
  readonly containerPath?: string | undefined;
  readonly hostPath?: string | undefined;
  /** Any of r, w and m. */
  readonly permissions?: string | undefined;
}

export interface CDIDevice {
  /** vendor.com/class=name */
  readonly name?: string | undefined;
}

export interface LinuxContainerConfig {
  readonly resources?: LinuxContainerResourcesInput | undefined;
  readonly securityContext?: LinuxContainerSecurityContext | undefined;
}

/** In an update, a zero leaves the value as it is. */
export interface LinuxContainerResourcesInput {
  /** Microseconds. */
  readonly cpuPeriod?: Int64Input | undefined;
  /** Microseconds of each period; -1 lifts the limit. */
  readonly cpuQuota?: Int64Input | undefined;
  readonly cpuShares?: Int64Input | undefined;
  readonly memoryLimitInBytes?: Int64Input | undefined;
  readonly oomScoreAdj?: Int64Input | undefined;
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly hugepageLimits?: readonly HugepageLimitInput[] | undefined;
  /** cgroup v2 files by name, written as given. */
  readonly unified?: Readonly<Record<string, string>> | undefined;
  readonly memorySwapLimitInBytes?: Int64Input | undefined;
}

/** In an update, a zero leaves the value as it is. */
export interface LinuxContainerResources {
  /** Microseconds. */
  readonly cpuPeriod: Int64;
  /** Microseconds of each period; -1 lifts the limit. */
  readonly cpuQuota: Int64;
  readonly cpuShares: Int64;
  readonly memoryLimitInBytes: Int64;
  readonly oomScoreAdj: Int64;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly hugepageLimits: readonly HugepageLimit[];
  /** cgroup v2 files by name, written as given. */
  readonly unified: Readonly<Record<string, string>>;
  readonly memorySwapLimitInBytes: Int64;
}

export interface HugepageLimitInput {
  /** As in the file name of the controller: 2MB, 1GB. */
  readonly pageSize?: string | undefined;
  readonly limit?: Int64Input | undefined;
}

export interface HugepageLimit {
  /** As in the file name of the controller: 2MB, 1GB. */
  readonly pageSize: string;
  readonly limit: Int64;
}

export interface LinuxContainerSecurityContext {
  readonly capabilities?: Capability | undefined;
  readonly privileged?: boolean | undefined;
  readonly namespaceOptions?: NamespaceOptionInput | undefined;
  readonly selinuxOptions?: SELinuxOption | undefined;
  readonly runAsUser?: Int64ValueInput | undefined;
  /** Only together with a user. */
  readonly runAsGroup?: Int64ValueInput | undefined;
  /** Instead of run_as_user, looked up in the image's /etc/passwd. */
  readonly runAsUsername?: string | undefined;
  readonly readonlyRootfs?: boolean | undefined;
  readonly supplementalGroups?: readonly Int64Input[] | undefined;
  /** Since 1.31. */
  readonly supplementalGroupsPolicy?: SupplementalGroupsPolicy | undefined;
  readonly noNewPrivs?: boolean | undefined;
  readonly maskedPaths?: readonly string[] | undefined;
  readonly readonlyPaths?: readonly string[] | undefined;
  readonly seccomp?: SecurityProfile | undefined;
  readonly apparmor?: SecurityProfile | undefined;
  /** The old spellings of the two above. */
  readonly apparmorProfile?: string | undefined;
  readonly seccompProfilePath?: string | undefined;
}

/** Names without the CAP_ prefix, or ALL. */
export interface Capability {
  readonly addCapabilities?: readonly string[] | undefined;
  readonly dropCapabilities?: readonly string[] | undefined;
  readonly addAmbientCapabilities?: readonly string[] | undefined;
}

export interface StartContainerRequest {
  readonly containerId?: string | undefined;
}

export type StartContainerResponse = Readonly<Record<string, never>>;

export interface StopContainerRequest {
  readonly containerId?: string | undefined;
  /** Seconds between the stop signal and SIGKILL; 0 kills at once. */
  readonly timeout?: Int64Input | undefined;
}

export type StopContainerResponse = Readonly<Record<string, never>>;

export interface RemoveContainerRequest {
  readonly containerId?: string | undefined;
}

export type RemoveContainerResponse = Readonly<Record<string, never>>;

export interface UpdateContainerResourcesRequest {
  readonly containerId?: string | undefined;
  readonly linux?: LinuxContainerResourcesInput | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export type UpdateContainerResourcesResponse = Readonly<Record<string, never>>;

export interface ReopenContainerLogRequest {
  readonly containerId?: string | undefined;
}

export type ReopenContainerLogResponse = Readonly<Record<string, never>>;

export interface CheckpointContainerRequest {
  readonly containerId?: string | undefined;
  /** The archive to write. */
  readonly location?: string | undefined;
  /** Seconds; 0 leaves it to the runtime. */
  readonly timeout?: Int64Input | undefined;
}

export type CheckpointContainerResponse = Readonly<Record<string, never>>;

export interface ListContainersRequest {
  readonly filter?: ContainerFilter | undefined;
}

/** Everything set has to match. */
export interface ContainerFilter {
  readonly id?: string | undefined;
  readonly state?: ContainerStateValue | undefined;
  readonly podSandboxId?: string | undefined;
  readonly labelSelector?: Readonly<Record<string, string>> | undefined;
}

export interface ContainerStateValue {
  readonly state?: ContainerState | undefined;
}

export interface ListContainersResponse {
  readonly containers: readonly Container[];
}

export interface Container {
  readonly id: string;
  readonly podSandboxId: string;
  readonly metadata: ContainerMetadata | null;
  readonly image: ImageSpec | null;
  readonly imageRef: string;
  readonly state: ContainerState;
  readonly createdAt: Int64;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Since 1.30. */
  readonly imageId: string;
}

export interface ContainerStatusRequest {
  readonly containerId?: string | undefined;
  readonly verbose?: boolean | undefined;
}

export interface ContainerStatusResponse {
  readonly status: ContainerStatus | null;
  readonly info: Readonly<Record<string, string>>;
}

export interface ContainerStatus {
  readonly id: string;
  readonly metadata: ContainerMetadata | null;
  readonly state: ContainerState;
  readonly createdAt: Int64;
  readonly startedAt: Int64;
  readonly finishedAt: Int64;
  readonly exitCode: number;
  readonly image: ImageSpec | null;
  /** By digest. */
  readonly imageRef: string;
  /** One word, Completed, Error or OOMKilled for an exited container. */
  readonly reason: string;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** Absolute here. */
  readonly logPath: string;
  /** What the runtime applied. */
  readonly resources: ContainerResources | null;
  /** Since 1.30. */
  readonly imageId: string;
  /** Since 1.31. */
  readonly user: ContainerUser | null;
  /** Since 1.33. */
  readonly stopSignal: Signal;
}

export interface ContainerResources {
  readonly linux: LinuxContainerResources | null;
}

export interface ContainerUser {
  readonly linux: LinuxContainerUser | null;
}

export interface LinuxContainerUser {
  readonly uid: Int64;
  readonly gid: Int64;
  readonly supplementalGroups: readonly Int64[];
}

export type GetEventsRequest = Readonly<Record<string, never>>;

export interface ContainerEventResponse {
  /** The sandbox's ID for the sandbox's own events. */
  readonly containerId: string;
  readonly containerEventType: ContainerEventType;
  readonly createdAt: Int64;
  /** Missing once the sandbox is gone. */
  readonly podSandboxStatus: PodSandboxStatus | null;
  readonly containersStatuses: readonly ContainerStatus[];
}

export interface ExecSyncRequest {
  readonly containerId?: string | undefined;
  readonly cmd?: readonly string[] | undefined;
  /** Seconds; 0 waits as long as it takes. */
  readonly timeout?: Int64Input | undefined;
}

export interface ExecSyncResponse {
  /** Runtimes cut the output at 16 MiB. */
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exitCode: number;
}

/** At least one of the three streams must be asked for; a terminal has no stderr of its own. */
export interface ExecRequest {
  readonly containerId?: string | undefined;
  readonly cmd?: readonly string[] | undefined;
  readonly tty?: boolean | undefined;
  readonly stdin?: boolean | undefined;
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
}

export interface ExecResponse {
  /** The runtime's streaming server, good for one use. */
  readonly url: string;
}

export interface AttachRequest {
  readonly containerId?: string | undefined;
  readonly stdin?: boolean | undefined;
  /** As the container was created. */
  readonly tty?: boolean | undefined;
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
}

export interface AttachResponse {
  readonly url: string;
}

export interface PortForwardRequest {
  readonly podSandboxId?: string | undefined;
  readonly port?: readonly number[] | undefined;
}

export interface PortForwardResponse {
  readonly url: string;
}

export interface ListImagesRequest {
  readonly filter?: ImageFilter | undefined;
}

export interface ImageFilter {
  readonly image?: ImageSpecInput | undefined;
}

export interface ListImagesResponse {
  readonly images: readonly Image[];
}

export interface Image {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  /** Bytes on disk. */
  readonly size: Int64;
  /** The user the image asks for, as a number here or as a name below. */
  readonly uid: Int64Value | null;
  readonly username: string;
  readonly spec: ImageSpec | null;
  /** Never to be collected. */
  readonly pinned: boolean;
}

export interface ImageStatusRequest {
  readonly image?: ImageSpecInput | undefined;
  readonly verbose?: boolean | undefined;
}

export interface ImageStatusResponse {
  /** Missing when there is no such image: that is no error. */
  readonly image: Image | null;
  readonly info: Readonly<Record<string, string>>;
}

export interface PullImageRequest {
  readonly image?: ImageSpecInput | undefined;
  readonly auth?: AuthConfig | undefined;
  readonly sandboxConfig?: PodSandboxConfig | undefined;
}

export interface AuthConfig {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** username:password in base64. */
  readonly auth?: string | undefined;
  readonly serverAddress?: string | undefined;
  /** To be exchanged for a registry token. */
  readonly identityToken?: string | undefined;
  /** Sent to the registry as it is. */
  readonly registryToken?: string | undefined;
}

export interface PullImageResponse {
  /** What the containers' image_ref will say: containerd gives the image ID. */
  readonly imageRef: string;
}

export interface RemoveImageRequest {
  readonly image?: ImageSpecInput | undefined;
}

export type RemoveImageResponse = Readonly<Record<string, never>>;

export type ImageFsInfoRequest = Readonly<Record<string, never>>;

export interface ImageFsInfoResponse {
  readonly imageFilesystems: readonly FilesystemUsage[];
  /** Since 1.29: where the writable layers are, when that is elsewhere. */
  readonly containerFilesystems: readonly FilesystemUsage[];
}

export interface FilesystemUsage {
  readonly timestamp: Int64;
  readonly fsId: FilesystemIdentifier | null;
  readonly usedBytes: UInt64Value | null;
  readonly inodesUsed: UInt64Value | null;
}

export interface FilesystemIdentifier {
  readonly mountpoint: string;
}

export interface ContainerStatsRequest {
  readonly containerId?: string | undefined;
}

export interface ContainerStatsResponse {
  readonly stats: ContainerStats | null;
}

export interface ListContainerStatsRequest {
  readonly filter?: ContainerStatsFilter | undefined;
}

/** Everything set has to match. */
export interface ContainerStatsFilter {
  readonly id?: string | undefined;
  readonly podSandboxId?: string | undefined;
  readonly labelSelector?: Readonly<Record<string, string>> | undefined;
}

export interface ListContainerStatsResponse {
  readonly stats: readonly ContainerStats[];
}

export interface ContainerStats {
  readonly attributes: ContainerAttributes | null;
  readonly cpu: CpuUsage | null;
  readonly memory: MemoryUsage | null;
  readonly writableLayer: FilesystemUsage | null;
  /** Since 1.28. */
  readonly swap: SwapUsage | null;
  /** Since 1.33. */
  readonly io: IoUsage | null;
}

export interface ContainerAttributes {
  readonly id: string;
  readonly metadata: ContainerMetadata | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface CpuUsage {
  readonly timestamp: Int64;
  /** Since the container started. */
  readonly usageCoreNanoSeconds: UInt64Value | null;
  /** Over a recent interval of the runtime's choice; 1000000000 is one core. */
  readonly usageNanoCores: UInt64Value | null;
  readonly psi: PsiStats | null;
}

export interface MemoryUsage {
  readonly timestamp: Int64;
  /** Used, less what the kernel can drop without writing it. */
  readonly workingSetBytes: UInt64Value | null;
  /** The limit less the working set; containerd says 0 when there is no limit. */
  readonly availableBytes: UInt64Value | null;
  readonly usageBytes: UInt64Value | null;
  readonly rssBytes: UInt64Value | null;
  readonly pageFaults: UInt64Value | null;
  readonly majorPageFaults: UInt64Value | null;
  readonly psi: PsiStats | null;
}

export interface SwapUsage {
  readonly timestamp: Int64;
  readonly swapAvailableBytes: UInt64Value | null;
  readonly swapUsageBytes: UInt64Value | null;
}

export interface IoUsage {
  readonly timestamp: Int64;
  readonly psi: PsiStats | null;
}

/** The kernel's pressure stall information; the capital letters are the interface's. */
export interface PsiStats {
  readonly Full: PsiData | null;
  readonly Some: PsiData | null;
}

export interface PsiData {
  /** Nanoseconds, where the kernel counts microseconds. */
  readonly Total: Int64;
  /** Per cent of the last 10, 60 and 300 seconds. */
  readonly Avg10: number;
  readonly Avg60: number;
  readonly Avg300: number;
}

export interface PodSandboxStatsRequest {
  readonly podSandboxId?: string | undefined;
}

export interface PodSandboxStatsResponse {
  readonly stats: PodSandboxStats | null;
}

export interface ListPodSandboxStatsRequest {
  readonly filter?: PodSandboxStatsFilter | undefined;
}

/** Everything set has to match. */
export interface PodSandboxStatsFilter {
  readonly id?: string | undefined;
  readonly labelSelector?: Readonly<Record<string, string>> | undefined;
}

export interface ListPodSandboxStatsResponse {
  readonly stats: readonly PodSandboxStats[];
}

export interface PodSandboxStats {
  readonly attributes: PodSandboxAttributes | null;
  readonly linux: LinuxPodSandboxStats | null;
}

export interface PodSandboxAttributes {
  readonly id: string;
  readonly metadata: PodSandboxMetadata | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface LinuxPodSandboxStats {
  /** Of the whole pod, the sandbox's own process included. */
  readonly cpu: CpuUsage | null;
  readonly memory: MemoryUsage | null;
  readonly network: NetworkUsage | null;
  readonly process: ProcessUsage | null;
  readonly containers: readonly ContainerStats[];
  readonly io: IoUsage | null;
}

export interface NetworkUsage {
  readonly timestamp: Int64;
  readonly defaultInterface: NetworkInterfaceUsage | null;
  /** All the others. */
  readonly interfaces: readonly NetworkInterfaceUsage[];
}

export interface NetworkInterfaceUsage {
  readonly name: string;
  readonly rxBytes: UInt64Value | null;
  readonly rxErrors: UInt64Value | null;
  readonly txBytes: UInt64Value | null;
  readonly txErrors: UInt64Value | null;
}

export interface ProcessUsage {
  readonly timestamp: Int64;
  readonly processCount: UInt64Value | null;
}

export type ListMetricDescriptorsRequest = Readonly<Record<string, never>>;

export interface ListMetricDescriptorsResponse {
  readonly descriptors: readonly MetricDescriptor[];
}

export interface MetricDescriptor {
  readonly name: string;
  readonly help: string;
  readonly labelKeys: readonly string[];
}

export type ListPodSandboxMetricsRequest = Readonly<Record<string, never>>;

export interface ListPodSandboxMetricsResponse {
  readonly podMetrics: readonly PodSandboxMetrics[];
}

export interface PodSandboxMetrics {
  readonly podSandboxId: string;
  readonly metrics: readonly Metric[];
  readonly containerMetrics: readonly ContainerMetrics[];
}

export interface ContainerMetrics {
  readonly containerId: string;
  readonly metrics: readonly Metric[];
}

export interface Metric {
  readonly name: string;
  /** 0 for a value that was just read. */
  readonly timestamp: Int64;
  readonly metricType: MetricType;
  /** In the order of the descriptor's label_keys. */
  readonly labelValues: readonly string[];
  readonly value: UInt64Value | null;
}

export interface RuntimeServiceCalls {
  readonly Version: { readonly request: VersionRequest; readonly response: VersionResponse };
  readonly Status: { readonly request: StatusRequest; readonly response: StatusResponse };
  readonly RuntimeConfig: {
    readonly request: RuntimeConfigRequest;
    readonly response: RuntimeConfigResponse;
  };
  readonly UpdateRuntimeConfig: {
    readonly request: UpdateRuntimeConfigRequest;
    readonly response: UpdateRuntimeConfigResponse;
  };
  readonly RunPodSandbox: {
    readonly request: RunPodSandboxRequest;
    readonly response: RunPodSandboxResponse;
  };
  readonly StopPodSandbox: {
    readonly request: StopPodSandboxRequest;
    readonly response: StopPodSandboxResponse;
  };
  readonly RemovePodSandbox: {
    readonly request: RemovePodSandboxRequest;
    readonly response: RemovePodSandboxResponse;
  };
  readonly PodSandboxStatus: {
    readonly request: PodSandboxStatusRequest;
    readonly response: PodSandboxStatusResponse;
  };
  readonly ListPodSandbox: {
    readonly request: ListPodSandboxRequest;
    readonly response: ListPodSandboxResponse;
  };
  readonly UpdatePodSandboxResources: {
    readonly request: UpdatePodSandboxResourcesRequest;
    readonly response: UpdatePodSandboxResourcesResponse;
  };
  readonly CreateContainer: {
    readonly request: CreateContainerRequest;
    readonly response: CreateContainerResponse;
  };
  readonly StartContainer: {
    readonly request: StartContainerRequest;
    readonly response: StartContainerResponse;
  };
  readonly StopContainer: {
    readonly request: StopContainerRequest;
    readonly response: StopContainerResponse;
  };
  readonly RemoveContainer: {
    readonly request: RemoveContainerRequest;
    readonly response: RemoveContainerResponse;
  };
  readonly ListContainers: {
    readonly request: ListContainersRequest;
    readonly response: ListContainersResponse;
  };
  readonly ContainerStatus: {
    readonly request: ContainerStatusRequest;
    readonly response: ContainerStatusResponse;
  };
  readonly UpdateContainerResources: {
    readonly request: UpdateContainerResourcesRequest;
    readonly response: UpdateContainerResourcesResponse;
  };
  readonly ReopenContainerLog: {
    readonly request: ReopenContainerLogRequest;
    readonly response: ReopenContainerLogResponse;
  };
  readonly CheckpointContainer: {
    readonly request: CheckpointContainerRequest;
    readonly response: CheckpointContainerResponse;
  };
  readonly GetContainerEvents: {
    readonly request: GetEventsRequest;
    readonly response: ContainerEventResponse;
  };
  readonly ExecSync: { readonly request: ExecSyncRequest; readonly response: ExecSyncResponse };
  readonly Exec: { readonly request: ExecRequest; readonly response: ExecResponse };
  readonly Attach: { readonly request: AttachRequest; readonly response: AttachResponse };
  readonly PortForward: { readonly request: PortForwardRequest; readonly response: PortForwardResponse };
  readonly ContainerStats: {
    readonly request: ContainerStatsRequest;
    readonly response: ContainerStatsResponse;
  };
  readonly ListContainerStats: {
    readonly request: ListContainerStatsRequest;
    readonly response: ListContainerStatsResponse;
  };
  readonly PodSandboxStats: {
    readonly request: PodSandboxStatsRequest;
    readonly response: PodSandboxStatsResponse;
  };
  readonly ListPodSandboxStats: {
    readonly request: ListPodSandboxStatsRequest;
    readonly response: ListPodSandboxStatsResponse;
  };
  readonly ListMetricDescriptors: {
    readonly request: ListMetricDescriptorsRequest;
    readonly response: ListMetricDescriptorsResponse;
  };
  readonly ListPodSandboxMetrics: {
    readonly request: ListPodSandboxMetricsRequest;
    readonly response: ListPodSandboxMetricsResponse;
  };
}

export interface ImageServiceCalls {
  readonly ListImages: { readonly request: ListImagesRequest; readonly response: ListImagesResponse };
  readonly ImageStatus: { readonly request: ImageStatusRequest; readonly response: ImageStatusResponse };
  readonly PullImage: { readonly request: PullImageRequest; readonly response: PullImageResponse };
  readonly RemoveImage: { readonly request: RemoveImageRequest; readonly response: RemoveImageResponse };
  readonly ImageFsInfo: { readonly request: ImageFsInfoRequest; readonly response: ImageFsInfoResponse };
}
