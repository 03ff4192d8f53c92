// Everything the statistics endpoints tell, in one value; the builders make their answers from it.
import type { CgroupDetails, CgroupUsage } from '../../host/cgroup-usage.ts';
import type { DirectoryUsage, FilesystemUsage } from '../../host/disk-usage.ts';
import type { InterfaceUsage } from '../../host/net-dev.ts';

/** A cgroup's usage and what only a second look can tell. */
export interface MeasuredUsage {
  readonly path: string;
  readonly usage: CgroupUsage | undefined;
  readonly details: CgroupDetails | undefined;
  /** Average over the last window; undefined until there were two looks. */
  readonly usageNanoCores: number | undefined;
}

/** What lies on a file system that it does not have for itself. */
export interface SharedFilesystem {
  readonly filesystem: FilesystemUsage;
  readonly usage: DirectoryUsage;
}

export interface ContainerStats {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly measured: MeasuredUsage;
  readonly rootfs: SharedFilesystem | undefined;
  readonly logs: SharedFilesystem | undefined;
}

export interface VolumeStats {
  readonly name: string;
  readonly claimName: string | undefined;
  /** Lives and dies with the pod and takes from the node's file system. */
  readonly isEphemeral: boolean;
  readonly fs: FilesystemUsage;
}

export interface SandboxStats {
  readonly id: string;
  readonly createdAtMs: number;
  readonly measured: MeasuredUsage | undefined;
}

export interface PodStats {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly createdAtMs: number;
  readonly isHostNetwork: boolean;
  readonly measured: MeasuredUsage;
  readonly sandbox: SandboxStats | undefined;
  readonly containers: readonly ContainerStats[];
  readonly network: readonly InterfaceUsage[] | undefined;
  readonly processCount: number;
  readonly volumes: readonly VolumeStats[];
  readonly ephemeralStorage: SharedFilesystem | undefined;
}

export interface SystemContainerStats {
  readonly name: string;
  readonly createdAtMs: number;
  readonly measured: MeasuredUsage;
  /** Taken for the limit where the cgroup has none. */
  readonly limitBytes: number | undefined;
}

export interface NodeStats {
  readonly nodeName: string;
  readonly atMs: number;
  readonly bootAtMs: number;
  readonly root: MeasuredUsage;
  readonly memoryBytes: number;
  /** Of the machine, not of a cgroup. */
  readonly swap: { readonly totalBytes: number; readonly freeBytes: number };
  readonly systemContainers: readonly SystemContainerStats[];
  readonly pods: readonly PodStats[];
  /** Undefined in answers about cpu and memory only, as all that follows. */
  readonly network: readonly InterfaceUsage[] | undefined;
  readonly fs: FilesystemUsage | undefined;
  readonly imageFs: SharedFilesystem | undefined;
  readonly rlimit: { readonly maxPid: number; readonly currentProcesses: number } | undefined;
}
