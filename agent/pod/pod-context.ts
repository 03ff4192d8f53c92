import type { Allocatable } from '../volume/build-downward-api.ts';
import type { IDRange } from './build-user-namespace.ts';
import type { DnsConfig } from './dns-config.ts';

export type PodUserNamespace =
  | { readonly kind: 'host' }
  | { readonly kind: 'own'; readonly range: IDRange }
  | { readonly kind: 'refused'; readonly message: string };

/** What the node contributes to a pod's configuration; re-read for each start. */
export interface PodContext {
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly clusterDNS: readonly string[];
  readonly clusterDomain: string;
  readonly hostDns: DnsConfig;
  readonly nodeIPs: readonly string[];
  readonly nodeMemoryBytes: number;
  readonly allocatable: Allocatable;
  /** Path of the pod's cgroup, as CRI LinuxPodSandboxConfig.cgroup_parent takes it. */
  readonly cgroupParent: string;
  readonly cgroupVersion: 1 | 2;
  readonly isSeccompDefault: boolean;
  readonly maskedCpuPaths: readonly string[];
  readonly isCpuLimited: boolean;
  readonly cpuPeriodUs: number;
  /** `memory.oom.group` off: the kernel kills one process, not the container (cgroup v2). */
  readonly isSingleProcessOOMKill: boolean;
  /** The kernel accounts for swap, so that a container can be kept from it. */
  readonly hasSwapControl: boolean;
  /** Swap of the node that containers may use by their requests (LimitedSwap, cgroup v2); 0: none. */
  readonly sharedSwapBytes: number;
  /** Feature gate MemoryQoS: where between request and limit a container is slowed down (cgroup v2). */
  readonly memoryThrottlingFactor: number | undefined;
  /** Page sizes of the machine, bytes. */
  readonly hugepageSizes: readonly number[];
  /** Of a pod; undefined: the node's own limit. */
  readonly podPidsLimit: number | undefined;
  readonly supportsRecursiveReadOnly: boolean;
  readonly userNamespace: PodUserNamespace;
  /** e.g. `containerd://1.7.24`; undefined before the runtime has answered. */
  readonly runtimeVersion: string | undefined;
}
