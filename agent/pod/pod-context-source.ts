import { readFile } from 'node:fs/promises';
import type { Pod } from '../api/objects.ts';
import type { Config } from '../config/config.ts';
import { buildCgroupPath, type CgroupDriver } from '../host/cgroup-names.ts';
import { listThermalThrottlePaths } from '../host/thermal-throttle.ts';
import { errorMessage } from '../lib/errors.ts';
import { buildQosClass } from '../resources/pod-resources.ts';
import type { Allocatable } from '../volume/build-downward-api.ts';
import { parseResolvConf } from './dns-config.ts';
import { podUID } from './naming.ts';
import type { PodContext, PodUserNamespace } from './pod-context.ts';
import { UserNamespaces } from './user-namespaces.ts';

/** What changes while the agent runs. */
export interface NodeNow {
  nodeIPs(): readonly string[];
  allocatable(): Allocatable;
  cgroupDriver(): CgroupDriver;
  /** Whether the runtime's default handler can make mounts read-only with all that is mounted below them. */
  supportsRecursiveReadOnly(): boolean;
  /** Whether this handler of the runtime (the default one has no name) has user namespaces with idmapped mounts. */
  supportsUserNamespaces(handler: string): boolean;
  runtimeVersion(): string | undefined;
  /** Why pods with a network of their own cannot start now. */
  networkProblem(): string | undefined;
}

export interface ContextSettings {
  readonly pods: Config['pods'];
  readonly maxPods: number;
  readonly cgroupRoot: string;
  readonly cgroupVersion: 1 | 2;
  readonly memoryBytes: number;
  readonly hugepageSizes: readonly number[];
  readonly hasSwapControl: boolean;
  readonly sharedSwapBytes: number;
}

/** Collects the node's side of a pod's configuration. */
export class PodContextSource {
  readonly #settings: ContextSettings;
  readonly #now: NodeNow;
  readonly #maskedCpuPaths = listThermalThrottlePaths();
  readonly #userNamespaces: UserNamespaces;

  constructor(settings: ContextSettings, now: NodeNow) {
    this.#settings = settings;
    this.#now = now;
    const { rootDir, userNamespaceIDsPerPod: idsPerPod } = settings.pods;
    this.#userNamespaces = new UserNamespaces({ rootDir, idsPerPod, maxPods: settings.maxPods });
  }

  get rootDir(): string {
    return this.#settings.pods.rootDir;
  }

  get podLogsDir(): string {
    return this.#settings.pods.podLogsDir;
  }

  nodeIPs(): readonly string[] {
    return this.#now.nodeIPs();
  }

  networkProblem(): string | undefined {
    return this.#now.networkProblem();
  }

  /** Why a pod cannot have the user namespace it asks for: what cannot be isolated must not run as if it were. */
  userNamespaceProblem({ spec }: Pod, handler: string): string | undefined {
    if (spec.hostUsers !== false || this.#now.supportsUserNamespaces(handler)) return undefined;
    const who = handler === '' ? 'runtime' : `RuntimeClass handler "${handler}"`;
    return `can't set \`spec.hostUsers: false\`, ${who} does not support user namespaces`;
  }

  /** The pod's cgroup path by its QoS class; the class in its status wins, it never changes (core/v1). */
  cgroupParent(pod: Pod): string {
    return buildCgroupPath({
      driver: this.#now.cgroupDriver(),
      cgroupRoot: this.#settings.cgroupRoot,
      qosClass: buildQosClass(pod.spec),
      podUID: podUID(pod),
    });
  }

  /** Where the pod's cgroup may lie when its spec is no longer known. */
  cgroupPathsOf(uid: string): readonly string[] {
    const { cgroupRoot } = this.#settings;
    const driver = this.#now.cgroupDriver();
    const classes = ['Guaranteed', 'Burstable', 'BestEffort'] as const;
    return classes.map(qosClass => buildCgroupPath({ driver, cgroupRoot, qosClass, podUID: uid }));
  }

  async read(pod: Pod): Promise<PodContext> {
    const { pods, cgroupVersion, memoryBytes } = this.#settings;
    // The host's resolver may change at any time, and a new pod should see it.
    const resolvConf = pods.resolvConf === '' ? '' : await readFile(pods.resolvConf, 'utf8').catch(() => '');
    return {
      rootDir: pods.rootDir,
      podLogsDir: pods.podLogsDir,
      clusterDNS: pods.clusterDNS,
      clusterDomain: pods.clusterDomain ?? '',
      hostDns: parseResolvConf(resolvConf),
      nodeIPs: this.#now.nodeIPs(),
      nodeMemoryBytes: memoryBytes,
      allocatable: this.#now.allocatable(),
      cgroupParent: this.cgroupParent(pod),
      cgroupVersion,
      isSeccompDefault: pods.seccompDefault,
      maskedCpuPaths: await this.#maskedCpuPaths,
      isCpuLimited: pods.cpuCFSQuota,
      cpuPeriodUs: pods.cpuCFSQuotaPeriodMs * 1000,
      isSingleProcessOOMKill: pods.singleProcessOOMKill ?? false,
      hasSwapControl: this.#settings.hasSwapControl,
      sharedSwapBytes: this.#settings.sharedSwapBytes,
      memoryThrottlingFactor: pods.memoryThrottlingFactor,
      hugepageSizes: this.#settings.hugepageSizes,
      podPidsLimit: pods.podPidsLimit > 0 ? pods.podPidsLimit : undefined,
      supportsRecursiveReadOnly: this.#now.supportsRecursiveReadOnly(),
      userNamespace: await this.#userNamespaceOf(pod),
      runtimeVersion: this.#now.runtimeVersion(),
    };
  }

  async #userNamespaceOf(pod: Pod): Promise<PodUserNamespace> {
    if (pod.spec.hostUsers !== false) return { kind: 'host' };
    try {
      return { kind: 'own', range: await this.#userNamespaces.ensure(podUID(pod)) };
    } catch (error) {
      return { kind: 'refused', message: `create user namespace: ${errorMessage(error)}` };
    }
  }
}
