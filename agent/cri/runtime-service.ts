import type { RuntimeV1 } from '../../cri-proto/load.ts';
import type {
  AttachRequest,
  Container,
  ContainerConfig,
  ContainerEventResponse,
  ContainerFilter,
  ContainerStats,
  ContainerStatsFilter,
  ContainerStatus,
  ExecRequest,
  ExecSyncResponse,
  LinuxContainerResourcesInput,
  MetricDescriptor,
  PodSandbox,
  PodSandboxConfig,
  PodSandboxFilter,
  PodSandboxMetrics,
  PodSandboxStats,
  PodSandboxStatsFilter,
  PodSandboxStatus,
  PortForwardRequest,
  RuntimeConfigResponse,
  RuntimeServiceCalls,
  StatusResponse,
  UpdatePodSandboxResourcesRequest,
  VersionResponse,
} from '../../cri-proto/runtime.v1.ts';
import { NotFoundError, UnavailableError } from '../lib/errors.ts';
import type { CallTimeouts } from './call-timeouts.ts';
import type { GrpcConnection } from './grpc-connection.ts';

const CALLER_VERSION = '0.1.0'; // what the kubelet sends; runtimes answer with their own and do not compare

export interface CallOptions {
  readonly signal: AbortSignal;
  /** Whose call this is, for the register of calls under way. */
  readonly podUID?: string | undefined;
}

/** What a runtime tells beyond the interface, by key; the values are JSON of its own. */
export type VerboseInfo = Readonly<Record<string, string>>;

/** CRI's RuntimeService, one method per call. */
export class RuntimeService {
  readonly #connection: GrpcConnection;
  readonly #methods: RuntimeV1['runtimeService'];
  readonly #timeouts: CallTimeouts;
  /** Stops and removals under way, by what they end. */
  readonly #endings = new Map<string, Promise<unknown>>();

  constructor(connection: GrpcConnection, methods: RuntimeV1['runtimeService'], timeouts: CallTimeouts) {
    this.#connection = connection;
    this.#methods = methods;
    this.#timeouts = timeouts;
  }

  // ---- The runtime itself

  version(options: CallOptions): Promise<VersionResponse> {
    return this.#call('Version', { version: CALLER_VERSION }, '', this.#timeouts.probeMs, options);
  }

  /** `info` is filled only when verbose. */
  status({ verbose, ...options }: CallOptions & { readonly verbose?: boolean }): Promise<StatusResponse> {
    return this.#call('Status', { verbose }, '', this.#timeouts.probeMs, options);
  }

  /** The cgroup driver; InvalidError (`Unimplemented`) from runtimes older than containerd 2.0. */
  runtimeConfig(options: CallOptions): Promise<RuntimeConfigResponse> {
    return this.#call('RuntimeConfig', {}, '', this.#timeouts.probeMs, options);
  }

  async updateRuntimeConfig(podCidr: string, options: CallOptions): Promise<void> {
    const request = { runtimeConfig: { networkConfig: { podCidr } } };
    await this.#call('UpdateRuntimeConfig', request, '', this.#timeouts.requestMs, options);
  }

  // ---- Pod sandboxes

  /** Returns the sandbox's ID, once its network is up. */
  async runPodSandbox(
    config: PodSandboxConfig,
    { runtimeHandler }: { readonly runtimeHandler: string },
    options: CallOptions,
  ): Promise<string> {
    const request = { config, runtimeHandler };
    const subject = config.metadata?.uid ?? '';
    const answer = await this.#call(
      'RunPodSandbox',
      request,
      subject,
      this.#timeouts.runPodSandboxMs,
      options,
    );
    return answer.podSandboxId;
  }

  /** Kills the containers left in it and takes the network down; done already is done (CRI). */
  async stopPodSandbox(podSandboxId: string, options: CallOptions): Promise<void> {
    const { requestMs } = this.#timeouts;
    const call = this.#call('StopPodSandbox', { podSandboxId }, podSandboxId, requestMs, options);
    await this.#end(podSandboxId, call);
  }

  /** With all its containers; gone already is done (CRI). */
  async removePodSandbox(podSandboxId: string, options: CallOptions): Promise<void> {
    const { requestMs } = this.#timeouts;
    const call = this.#call('RemovePodSandbox', { podSandboxId }, podSandboxId, requestMs, options);
    await this.#end(podSandboxId, call);
  }

  async podSandboxStatus(podSandboxId: string, options: CallOptions): Promise<PodSandboxStatus> {
    const { lookMs } = this.#timeouts;
    const answer = await this.#call('PodSandboxStatus', { podSandboxId }, podSandboxId, lookMs, options);
    return expectPresent(answer.status, 'PodSandboxStatus', podSandboxId);
  }

  async podSandboxInfo(podSandboxId: string, options: CallOptions): Promise<VerboseInfo> {
    const request = { podSandboxId, verbose: true };
    const { lookMs } = this.#timeouts;
    const answer = await this.#call('PodSandboxStatus', request, podSandboxId, lookMs, options);
    return answer.info;
  }

  async listPodSandbox(filter: PodSandboxFilter, options: CallOptions): Promise<readonly PodSandbox[]> {
    const answer = await this.#call('ListPodSandbox', { filter }, '', this.#timeouts.lookMs, options);
    return answer.items;
  }

  async updatePodSandboxResources(
    request: UpdatePodSandboxResourcesRequest,
    options: CallOptions,
  ): Promise<void> {
    const subject = request.podSandboxId ?? '';
    await this.#call('UpdatePodSandboxResources', request, subject, this.#timeouts.requestMs, options);
  }

  // ---- Containers

  /** Returns the container's ID. The sandbox's config is the one it was run with. */
  async createContainer(
    podSandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    options: CallOptions,
  ): Promise<string> {
    const request = { podSandboxId, config, sandboxConfig };
    const subject = sandboxConfig.metadata?.uid ?? podSandboxId;
    const answer = await this.#call('CreateContainer', request, subject, this.#timeouts.requestMs, options);
    return answer.containerId;
  }

  async startContainer(containerId: string, options: CallOptions): Promise<void> {
    await this.#call('StartContainer', { containerId }, containerId, this.#timeouts.requestMs, options);
  }

  /** Returns when it is dead: the stop signal, after the grace SIGKILL; 0 kills at once. Stopped or gone is done (CRI). */
  async stopContainer(containerId: string, graceSeconds: number, options: CallOptions): Promise<void> {
    const request = { containerId, timeout: graceSeconds };
    const graceMs = graceSeconds * 1000;
    const timeoutMs = this.#timeouts.requestMs + graceMs;
    const call = this.#call('StopContainer', request, containerId, timeoutMs, options, graceMs);
    await this.#end(containerId, call);
  }

  /** Kills it first if need be; gone already is done (CRI). */
  async removeContainer(containerId: string, options: CallOptions): Promise<void> {
    const { requestMs } = this.#timeouts;
    const call = this.#call('RemoveContainer', { containerId }, containerId, requestMs, options);
    await this.#end(containerId, call);
  }

  async listContainers(filter: ContainerFilter, options: CallOptions): Promise<readonly Container[]> {
    const answer = await this.#call('ListContainers', { filter }, '', this.#timeouts.lookMs, options);
    return answer.containers;
  }

  async containerStatus(containerId: string, options: CallOptions): Promise<ContainerStatus> {
    const { lookMs } = this.#timeouts;
    const answer = await this.#call('ContainerStatus', { containerId }, containerId, lookMs, options);
    return expectPresent(answer.status, 'ContainerStatus', containerId);
  }

  async containerInfo(containerId: string, options: CallOptions): Promise<VerboseInfo> {
    const request = { containerId, verbose: true };
    const answer = await this.#call('ContainerStatus', request, containerId, this.#timeouts.lookMs, options);
    return answer.info;
  }

  async updateContainerResources(
    containerId: string,
    linux: LinuxContainerResourcesInput,
    options: CallOptions,
  ): Promise<void> {
    const request = { containerId, linux };
    await this.#call('UpdateContainerResources', request, containerId, this.#timeouts.requestMs, options);
  }

  async reopenContainerLog(containerId: string, options: CallOptions): Promise<void> {
    await this.#call('ReopenContainerLog', { containerId }, containerId, this.#timeouts.requestMs, options);
  }

  async checkpointContainer(
    containerId: string,
    { location, timeoutSeconds }: { readonly location: string; readonly timeoutSeconds: number },
    options: CallOptions,
  ): Promise<void> {
    const request = { containerId, location, timeout: timeoutSeconds };
    const expectedMs = timeoutSeconds * 1000;
    const timeoutMs = this.#timeouts.requestMs + expectedMs;
    await this.#call('CheckpointContainer', request, containerId, timeoutMs, options, expectedMs);
  }

  // ---- Reaching into a container

  /** A command that outlives its timeout is killed and answered with UnavailableError, `DeadlineExceeded`; 0 waits for it. */
  execSync(
    containerId: string,
    cmd: readonly string[],
    timeoutSeconds: number,
    options: CallOptions,
  ): Promise<ExecSyncResponse> {
    const request = { containerId, cmd, timeout: timeoutSeconds };
    const commandMs = timeoutSeconds * 1000;
    const isUnbounded = timeoutSeconds === 0;
    const timeoutMs = isUnbounded ? this.#timeouts.unboundedMs : this.#timeouts.requestMs + commandMs;
    const expectedMs = isUnbounded ? Infinity : commandMs;
    return this.#call('ExecSync', request, containerId, timeoutMs, options, expectedMs);
  }

  /** The URL of the runtime's streaming server, good for one use. */
  async exec(request: ExecRequest, options: CallOptions): Promise<string> {
    const subject = request.containerId ?? '';
    const { url } = await this.#call('Exec', request, subject, this.#timeouts.requestMs, options);
    return url;
  }

  async attach(request: AttachRequest, options: CallOptions): Promise<string> {
    const subject = request.containerId ?? '';
    const { url } = await this.#call('Attach', request, subject, this.#timeouts.requestMs, options);
    return url;
  }

  async portForward(request: PortForwardRequest, options: CallOptions): Promise<string> {
    const subject = request.podSandboxId ?? '';
    const { url } = await this.#call('PortForward', request, subject, this.#timeouts.requestMs, options);
    return url;
  }

  // ---- Statistics

  async containerStats(containerId: string, options: CallOptions): Promise<ContainerStats> {
    const { lookMs } = this.#timeouts;
    const answer = await this.#call('ContainerStats', { containerId }, containerId, lookMs, options);
    return expectPresent(answer.stats, 'ContainerStats', containerId);
  }

  /** Exited containers too (containerd), without cpu and memory. */
  async listContainerStats(
    filter: ContainerStatsFilter,
    options: CallOptions,
  ): Promise<readonly ContainerStats[]> {
    const { stats } = await this.#call('ListContainerStats', { filter }, '', this.#timeouts.lookMs, options);
    return stats;
  }

  async podSandboxStats(podSandboxId: string, options: CallOptions): Promise<PodSandboxStats> {
    const { lookMs } = this.#timeouts;
    const answer = await this.#call('PodSandboxStats', { podSandboxId }, podSandboxId, lookMs, options);
    return expectPresent(answer.stats, 'PodSandboxStats', podSandboxId);
  }

  async listPodSandboxStats(
    filter: PodSandboxStatsFilter,
    options: CallOptions,
  ): Promise<readonly PodSandboxStats[]> {
    const { stats } = await this.#call('ListPodSandboxStats', { filter }, '', this.#timeouts.lookMs, options);
    return stats;
  }

  async listMetricDescriptors(options: CallOptions): Promise<readonly MetricDescriptor[]> {
    const answer = await this.#call('ListMetricDescriptors', {}, '', this.#timeouts.lookMs, options);
    return answer.descriptors;
  }

  async listPodSandboxMetrics(options: CallOptions): Promise<readonly PodSandboxMetrics[]> {
    const answer = await this.#call('ListPodSandboxMetrics', {}, '', this.#timeouts.lookMs, options);
    return answer.podMetrics;
  }

  // ---- Events

  /** Waits for the stop or removal of it that we have asked for; false when there is none. Never rejects. */
  async ending(containerOrSandboxId: string): Promise<boolean> {
    const call = this.#endings.get(containerOrSandboxId);
    if (!call) return false;
    await Promise.allSettled([call]);
    return true;
  }

  async #end(id: string, call: Promise<unknown>): Promise<void> {
    this.#endings.set(id, call);
    try {
      await ifThere(call);
    } finally {
      if (this.#endings.get(id) === call) this.#endings.delete(id);
    }
  }

  /** As GrpcConnection.stream; cri-events.ts gives it its form. */
  getContainerEvents(options: CallOptions): AsyncGenerator<ContainerEventResponse, void, void> {
    return this.#connection.stream(this.#methods.GetContainerEvents, {}, options);
  }

  #call<Name extends keyof RuntimeServiceCalls>(
    name: Name,
    request: RuntimeServiceCalls[Name]['request'],
    subject: string,
    timeoutMs: number,
    { signal, podUID }: CallOptions,
    expectedMs = 0,
  ): Promise<RuntimeServiceCalls[Name]['response']> {
    const options = { signal, timeoutMs, subject: podUID ?? subject, expectedMs };
    return this.#connection.unary(this.#methods[name], request, options);
  }
}

// CRI calls stopping and removing idempotent, yet containerd answers StopContainer of a removed one with NOT_FOUND.
async function ifThere(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}

// A runtime that answers OK without the answer is broken, maybe only for now.
function expectPresent<T>(value: T | null, method: string, subject: string): T {
  if (value !== null) return value;
  throw new UnavailableError(`${method}: the container runtime said nothing about ${subject}`, {
    code: 'Unknown',
  });
}
