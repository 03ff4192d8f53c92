// The node's own duties, wired together: registration, lease, status, network, cgroups. main.ts runs it.
import { mkdir } from 'node:fs/promises';
import type { ApiClient } from '../api/client.ts';
import type { EventRecorder } from '../api/events.ts';
import type { Node, NodeAddress, NodeStatus } from '../api/objects.ts';
import { nodePath } from '../api/paths.ts';
import type { Config } from '../config/config.ts';
import type { PodCgroups } from '../host/pod-cgroups.ts';
import { settledOrAborted } from '../lib/abort.ts';
import { systemClock } from '../lib/clock.ts';
import { InvalidError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { TaskGroup } from '../lib/task-group.ts';
import type { RuntimeCgroupDriver } from '../runtime/cgroup-driver.ts';
import { runAllocatableCgroup } from './allocatable-cgroup.ts';
import { findVolumesInUse } from './attachable-mounts.ts';
import type { AddressResult } from './build-addresses.ts';
import { buildNode } from './build-node.ts';
import { buildStatus } from './build-status.ts';
import { buildConditions, joinProblems, NO_PRESSURE, type NodePressure } from './conditions.ts';
import { untilCSINode } from './csi-node.ts';
import { LeaseKeeper } from './lease.ts';
import { type MachineFacts, readMachineFacts, readNodeAddresses } from './machine-facts.ts';
import { NodeEvents } from './node-events.ts';
import { findOverReservations } from './node-resources.ts';
import { NodeStatusWriter } from './node-status-writer.ts';
import { type NodeView, NodeWatch } from './node-watch.ts';
import { PodNetwork } from './pod-network.ts';
import { ensureRegistered } from './registration.ts';
import { findNetworkProblem, findRuntimeProblems, hungCallAfterMs } from './runtime-health.ts';
import { type RuntimeCalls, RuntimeMonitor } from './runtime-monitor.ts';
import { StandaloneNode } from './standalone-node.ts';

export interface NodeDeps {
  readonly api: ApiClient;
  readonly events: EventRecorder;
  readonly runtime: RuntimeCalls;
  readonly cgroups: PodCgroups;
  readonly cgroupDriver: RuntimeCgroupDriver;
  readonly logger: Logger;
}

export interface NodeSettings {
  readonly config: Pick<Config, 'node' | 'runtime' | 'network' | 'pods' | 'server'>;
  /** `status.nodeInfo.kubeletVersion`, from buildKubeletVersion. */
  readonly kubeletVersion: string;
}

/** What other folders contribute to the conditions; asked at every look, so cheap. */
export interface NodeHealth {
  /** Each names what of its own keeps the node from being Ready, e.g. `PLEG is not healthy: ...`. */
  readonly reporters: readonly (() => readonly string[])[];
  readonly pressure: () => NodePressure;
  /** `namespace/name` of a pod UID, for messages. */
  readonly describePod: (podUID: string) => string | undefined;
}

export const HEALTHY: NodeHealth = {
  reporters: [],
  pressure: () => NO_PRESSURE,
  describePod: () => undefined,
};

const ADDRESS_LOOK_MS = 60_000; // an address changes with DHCP or by hand
const REFRESH_TIMEOUT_MS = 5_000;
const FIRST_LOOK_MS = 3_000; // a runtime that answers does so in milliseconds

/** `start` once, then `run` until its signal aborts. */
export class NodeController {
  readonly #deps: NodeDeps;
  readonly #settings: NodeSettings;
  readonly #health: NodeHealth;
  readonly #facts: MachineFacts;
  readonly #logger: Logger;
  readonly #node: NodeWatch;
  readonly #events: NodeEvents;
  readonly #runtime: RuntimeMonitor;
  readonly #writer: NodeStatusWriter;
  readonly #podNetwork: PodNetwork;
  readonly #lease: LeaseKeeper;
  readonly #standalone: StandaloneNode;
  #addresses: AddressResult = { kind: 'problem', problem: 'the node address is not known yet' };
  #csiNodeProblem: string | undefined;
  #lastProblems = '';
  #problems: readonly string[] | undefined;

  /** Reads the machine's facts; throws InvalidError when more is reserved than there is. */
  static async create(
    deps: NodeDeps,
    settings: NodeSettings,
    health: NodeHealth,
    { signal }: { signal: AbortSignal },
  ): Promise<NodeController> {
    const { config } = settings;
    // Ours and the kubelet's alike; on a new machine neither has run.
    await mkdir(config.pods.rootDir, { recursive: true, mode: 0o750 });
    const facts = await readMachineFacts(config.pods.rootDir, { signal });
    const problems = findOverReservations(facts.resources, config.node);
    if (problems.length > 0) {
      const message = `invalid Node Allocatable configuration. ${problems.join(' ')}`;
      throw new InvalidError(message, { code: 'OverReserved' });
    }
    return new NodeController(deps, settings, health, facts);
  }

  private constructor(deps: NodeDeps, settings: NodeSettings, health: NodeHealth, facts: MachineFacts) {
    const { api, events, logger } = deps;
    const { name, leaseDurationSeconds, statusReportFrequencyMs } = settings.config.node;
    this.#deps = deps;
    this.#settings = settings;
    this.#health = health;
    this.#facts = facts;
    this.#logger = logger;
    this.#node = new NodeWatch({ api, nodeName: name, logger });
    this.#events = new NodeEvents(events, name);
    this.#runtime = new RuntimeMonitor(deps.runtime, () => this.#statusChanged(), logger);
    this.#writer = new NodeStatusWriter({
      api,
      nodeName: name,
      reportFrequencyMs: statusReportFrequencyMs,
      node: this.#node,
      buildStatus: present => this.#buildStatus(present.status),
      onWritten: (before, status) => this.#events.written(before, status),
      onReportDue: () => this.#runtime.imagesChanged(),
      logger,
    });
    this.#podNetwork = this.#buildPodNetwork();
    this.#lease = new LeaseKeeper({
      api,
      nodeName: name,
      durationSeconds: leaseDurationSeconds,
      nodeUID: () => this.#node.current()?.metadata.uid,
      logger,
    });
    this.#standalone = new StandaloneNode({
      node: this.#node,
      buildNode: () => this.localNode(),
      lookAtAddresses: options => this.#lookAtAddresses(options.signal),
      podCIDR: settings.config.network.podCIDR,
    });
  }

  /** Our Node as the API server has it: podCIDRs, labels, allocatable. */
  get view(): NodeView {
    return this.#node;
  }

  /** Our addresses as the machine has them, also while there is no API server to register them with. */
  get addresses(): readonly NodeAddress[] {
    return this.#addresses.kind === 'addresses' ? this.#addresses.addresses : [];
  }

  /** The Node as we would register it now: what is known without an API server. */
  localNode(): Node {
    const { architecture } = this.#facts.identity;
    return buildNode(this.#settings.config.node, architecture, this.#buildStatus(undefined));
  }

  /** Reads our Node ahead of the watch. */
  async refresh({ signal }: { signal: AbortSignal }): Promise<void> {
    const { name } = this.#settings.config.node;
    const options = { signal, timeoutMs: REFRESH_TIMEOUT_MS };
    this.#node.update(await this.#deps.api.get<Node>(nodePath(name), options));
  }

  get machine(): MachineFacts {
    return this.#facts;
  }

  /** When the API server last took our heartbeat. */
  get lastLeaseRenewalMs(): number | undefined {
    return this.#lease.lastRenewalMs;
  }

  /** What keeps the node from being Ready, as last seen; undefined before the first look. */
  get problems(): readonly string[] | undefined {
    return this.#problems;
  }

  /** Somebody removes packet rules: those of the pod network are looked at now and not within the minute. */
  packetRulesLost(): void {
    this.#podNetwork.wake();
  }

  /** Why pods with a network of their own cannot start now (kubelet: event NetworkNotReady). */
  networkProblem(): string | undefined {
    return findNetworkProblem(this.#runtime.facts());
  }

  /** e.g. `containerd://1.7.24`; undefined before the runtime has answered. */
  get runtimeVersion(): string | undefined {
    return this.#runtime.version;
  }

  /** What container IDs begin with, e.g. `containerd`; that too before the runtime has answered. */
  get runtimeName(): string {
    return this.#runtime.version?.split('://')[0] ?? 'containerd';
  }

  /** Whether the runtime's default handler has CRI RuntimeHandlerFeatures.recursive_read_only_mounts. */
  supportsRecursiveReadOnly(): boolean {
    return this.#runtime.handlers.some(
      ({ name, recursiveReadOnlyMounts }) => name === '' && recursiveReadOnlyMounts,
    );
  }

  /** Whether a handler of the runtime, the default one by its empty name, has CRI RuntimeHandlerFeatures.user_namespaces. */
  supportsUserNamespaces(handler: string): boolean {
    return this.#runtime.handlers.some(({ name, userNamespaces }) => name === handler && userNamespaces);
  }

  /** A health reporter or a pressure has news. */
  healthChanged(): void {
    this.#statusChanged();
  }

  /** The runtime's event stream came or went: its status is asked for at once. */
  runtimeChanged(): void {
    this.#runtime.lookNow();
  }

  /** An image was pulled or removed. */
  imagesChanged(): void {
    this.#runtime.imagesChanged();
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const tasks = new TaskGroup({ signal });
    this.#events.starting(this.#deps.cgroups.version);
    this.#node.onChange(() => this.#onNodeChange());
    tasks.run(taskSignal => this.#runtime.run({ signal: taskSignal }));
    tasks.run(taskSignal => this.#runPodsCgroup(taskSignal));
    if (this.#deps.api.hasServer) {
      tasks.run(taskSignal => this.#lease.run({ signal: taskSignal }));
      tasks.run(taskSignal => this.#runRegistered(tasks, taskSignal));
    } else {
      tasks.run(taskSignal => this.#runStandalone(tasks, taskSignal));
    }
    await tasks.join();
  }

  async #runStandalone(tasks: TaskGroup, signal: AbortSignal): Promise<void> {
    await this.#standalone.look({ signal });
    tasks.run(taskSignal => this.#standalone.run({ signal: taskSignal }));
    tasks.run(taskSignal => this.#podNetwork.run({ signal: taskSignal }));
  }

  /** What needs the Node object, in the order in which it becomes true. */
  async #runRegistered(tasks: TaskGroup, signal: AbortSignal): Promise<void> {
    await this.#lookAtAddresses(signal);
    // A Node that is created with the runtime's answer in it needs no second write.
    await settledOrAborted(
      this.#runtime.firstLook,
      AbortSignal.any([signal, AbortSignal.timeout(FIRST_LOOK_MS)]),
    );
    const { config } = this.#settings;
    const architecture = this.#facts.identity.architecture;
    const registered = await ensureRegistered(
      {
        api: this.#deps.api,
        config: config.node,
        architecture,
        buildNode: () => buildNode(config.node, architecture, this.#buildStatus(undefined)),
        logger: this.#logger,
      },
      { signal },
    );
    if (!registered) return;
    if (registered.isNew) {
      this.#events.written(undefined, registered.node.status ?? {});
      this.#writer.reported();
    }
    this.#node.update(registered.node);
    tasks.run(taskSignal => this.#node.run({ signal: taskSignal }));
    tasks.run(taskSignal => this.#runCSINode(taskSignal));
    tasks.run(taskSignal => this.#writer.run({ signal: taskSignal }));
    tasks.run(taskSignal => this.#podNetwork.run({ signal: taskSignal }));
    tasks.run(taskSignal => this.#runAddresses(taskSignal));
  }

  #statusChanged(): void {
    if (this.#deps.api.hasServer) this.#writer.wake();
    else this.#standalone.wake();
  }

  #onNodeChange(): void {
    this.#lease.wake();
    this.#writer.wake();
    this.#events.looked(this.#node.current());
  }

  #buildPodNetwork(): PodNetwork {
    const { config } = this.#settings;
    return new PodNetwork({
      api: this.#deps.api,
      config: config.network,
      nodeName: config.node.name,
      node: this.#node,
      listSandboxIds: async options =>
        (await this.#deps.runtime.runtime.listPodSandbox({}, options)).map(({ id }) => id),
      onConfigChanged: () => this.#runtime.lookNow(),
      logger: this.#logger,
    });
  }

  async #runPodsCgroup(signal: AbortSignal): Promise<void> {
    const { cgroups, cgroupDriver } = this.#deps;
    await settledOrAborted(cgroupDriver.known, signal);
    if (signal.aborted) return;
    await runAllocatableCgroup(
      {
        cgroups,
        driver: cgroupDriver.current,
        config: this.#settings.config,
        machine: this.#facts.resources,
        events: this.#events,
        logger: this.#logger,
      },
      { signal },
    );
  }

  async #runCSINode(signal: AbortSignal): Promise<void> {
    const node = {
      name: this.#settings.config.node.name,
      uid: () => this.#node.current()?.metadata.uid ?? '',
    };
    const onProblem = (problem: string | undefined): void => {
      this.#csiNodeProblem = problem;
      this.#writer.wake();
    };
    await untilCSINode({ api: this.#deps.api, node, onProblem }, { signal });
  }

  async #runAddresses(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(ADDRESS_LOOK_MS, { signal });
      if (signal.aborted) return;
      await this.#lookAtAddresses(signal);
      this.#writer.wake();
    }
  }

  async #lookAtAddresses(signal: AbortSignal): Promise<void> {
    const present = this.#node.current()?.status?.addresses ?? [];
    try {
      this.#addresses = await readNodeAddresses(this.#settings.config.node, present, { signal });
    } catch (error) {
      // A kernel that has no socket left for the question has not moved the node.
      this.#logger.warn({ err: error }, 'node addresses cannot be read, the last ones stay');
    }
  }

  #buildStatus(present: NodeStatus | undefined): NodeStatus {
    const nowMs = systemClock.nowMs();
    const problems = this.#findProblems(nowMs);
    const { node, server } = this.#settings.config;
    return buildStatus(present, {
      config: node,
      kubeletVersion: this.#settings.kubeletVersion,
      serverPort: server.port,
      machine: this.#facts.resources,
      identity: this.#facts.identity,
      addresses:
        this.#addresses.kind === 'addresses' ? this.#addresses.addresses : (present?.addresses ?? []),
      conditions: buildConditions(present?.conditions ?? [], {
        nowMs,
        pressure: this.#health.pressure(),
        problems,
      }),
      containerRuntimeVersion: this.#runtime.version,
      runtimeHandlers: this.#runtime.handlers,
      supplementalGroupsPolicy: this.#runtime.supplementalGroupsPolicy,
      images: this.#runtime.images,
      volumesInUse: findVolumesInUse(present?.volumesInUse, this.#settings.config.pods),
    });
  }

  #findProblems(nowMs: number): readonly string[] {
    const describe = (subject: string): string => this.#health.describePod(subject) ?? subject;
    const overdueMs = hungCallAfterMs(this.#settings.config.runtime.requestTimeoutMs);
    const problems = [
      ...findRuntimeProblems(this.#runtime.facts(), nowMs, overdueMs, describe),
      ...(this.#csiNodeProblem === undefined ? [] : [this.#csiNodeProblem]),
      ...this.#health.reporters.flatMap(report => report()),
      ...(this.#addresses.kind === 'problem' ? [this.#addresses.problem] : []),
    ];
    this.#logProblems(problems);
    this.#problems = problems;
    return problems;
  }

  #logProblems(problems: readonly string[]): void {
    const text = problems.length > 0 ? joinProblems(problems) : 'none';
    if (text === this.#lastProblems) return;
    if (text === 'none') this.#logger.info('node is ready');
    else this.#logger.warn({ reason: text }, 'node is not ready');
    this.#lastProblems = text;
  }
}
