// The names the kubelet gives to its cgroups, for both drivers, and the arithmetic between v1 and v2 values.

export type CgroupDriver = 'cgroupfs' | 'systemd';
export type QOSClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

export interface CgroupPathRequest {
  readonly driver: CgroupDriver;
  /** KubeletConfiguration.cgroupRoot; default `/`. */
  readonly cgroupRoot?: string;
  /** Without a class: the cgroup of all pods. */
  readonly qosClass?: QOSClass;
  /** Without a UID: the cgroup of the class. Static pods: the hash that is their UID on the node. */
  readonly podUID?: string;
}

const ALL_PODS = 'kubepods';
const CLASS_PARTS: Readonly<Record<QOSClass, readonly string[]>> = {
  Guaranteed: [], // these pods stand directly under kubepods
  Burstable: ['burstable'],
  BestEffort: ['besteffort'],
};

/** The cgroup's path below the hierarchy's root; a pod's is also CRI LinuxPodSandboxConfig.cgroup_parent. */
export function buildCgroupPath(request: CgroupPathRequest): string {
  const { driver, cgroupRoot = '/', qosClass, podUID } = request;
  const parts = cgroupRoot.split('/').filter(part => part !== '');
  parts.push(ALL_PODS);
  if (qosClass !== undefined) parts.push(...CLASS_PARTS[qosClass]);
  if (podUID !== undefined) parts.push(`pod${podUID}`);
  return driver === 'systemd' ? sliceCgroupPath(parts) : `/${parts.join('/')}`;
}

// systemd.slice(5): a dash in a slice's name is a step down, so the parts themselves may have none.
function sliceCgroupPath(parts: readonly string[]): string {
  const names = parts.map(part => part.replaceAll('-', '_'));
  const slices = names.map((_, index) => `${names.slice(0, index + 1).join('-')}.slice`);
  return `/${slices.join('/')}`;
}

// cgroup v1 cpu.shares is 2..262144, cgroup v2 cpu.weight 1..10000; the kubelet maps the one range on the other.
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const MAX_WEIGHT = 10_000;

export function cpuWeightFromShares(cpuShares: number): number {
  const shares = Math.min(Math.max(cpuShares, MIN_SHARES), MAX_SHARES);
  return 1 + Math.floor(((shares - MIN_SHARES) * (MAX_WEIGHT - 1)) / (MAX_SHARES - MIN_SHARES));
}

/** 2 MiB is `2MB` and 1 GiB `1GB` in the names of hugetlb files. */
export function hugepageSizeName(sizeBytes: number): string {
  const units = [
    ['GB', 2 ** 30],
    ['MB', 2 ** 20],
  ] as const;
  const [name, bytes] = units.find(([, unitBytes]) => sizeBytes >= unitBytes) ?? ['KB', 2 ** 10];
  return `${sizeBytes / bytes}${name}`;
}
