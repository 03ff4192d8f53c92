// Capacity and allocatable of the Node (kubelet: nodestatus.MachineInfo, cm.GetNodeAllocatableReservation).
import type { Quantity } from '../api/objects.ts';
import type { EvictionAmount, NodeConfig } from '../config/config.ts';
import { parseQuantity } from '../lib/quantity.ts';

/** What the machine has. */
export interface MachineResources {
  readonly cpuCount: number;
  readonly memoryBytes: number;
  /** Size of the file system of the agent's root directory. */
  readonly rootFsBytes: number;
  /** Processes and threads that the kernel lets run at one time. */
  readonly pidLimit: number;
  /** One entry per page size the kernel knows, also those without pages. */
  readonly hugepages: readonly { readonly pageBytes: number; readonly count: number }[];
}

export type ResourceConfig = Pick<
  NodeConfig,
  | 'maxPods'
  | 'podsPerCore'
  | 'systemReserved'
  | 'kubeReserved'
  | 'evictionHard'
  | 'localStorageCapacityIsolation'
>;

export type ResourceList = Readonly<Record<string, Quantity>>;

const HUGEPAGES_PREFIX = 'hugepages-';

export function isHugepages(resource: string): boolean {
  return resource.startsWith(HUGEPAGES_PREFIX);
}

/** A resource that neither Kubernetes nor the kernel defines, e.g. `example.com/dongle` (core/v1 extended resource). */
export function isExtendedResource(resource: string): boolean {
  return resource.includes('/') && !resource.includes('kubernetes.io/') && !resource.startsWith('requests.');
}

/** Our part of `status.capacity`. */
export function buildCapacity(machine: MachineResources, config: ResourceConfig): ResourceList {
  const pods =
    config.podsPerCore > 0 ? Math.min(machine.cpuCount * config.podsPerCore, config.maxPods) : config.maxPods;
  const capacity: Record<string, Quantity> = {
    cpu: String(machine.cpuCount),
    memory: formatBytes(machine.memoryBytes),
    pods: String(pods),
  };
  if (config.localStorageCapacityIsolation) {
    capacity['ephemeral-storage'] = formatBytes(machine.rootFsBytes);
  }
  for (const { pageBytes, count } of machine.hugepages) {
    capacity[`${HUGEPAGES_PREFIX}${formatBytes(pageBytes)}`] = formatBytes(pageBytes * count);
  }
  return capacity;
}

/** Our part of `status.allocatable`: capacity without what is reserved, never below zero. */
export function buildAllocatable(machine: MachineResources, config: ResourceConfig): ResourceList {
  const reserved = reservation(machine, config);
  // Huge pages are taken out of the memory that pods may ask for as `memory`.
  const hugepagesBytes = machine.hugepages.reduce((sum, page) => sum + page.pageBytes * page.count, 0);
  const memoryBytes = machine.memoryBytes - reserved.memoryBytes - hugepagesBytes;
  const allocatable: Record<string, Quantity> = {
    ...buildCapacity(machine, config),
    cpu: formatMilli(Math.max(0, machine.cpuCount * 1000 - reserved.cpuMilli)),
    memory: formatBytes(Math.max(0, memoryBytes)),
  };
  if (config.localStorageCapacityIsolation) {
    allocatable['ephemeral-storage'] = formatBytes(Math.max(0, machine.rootFsBytes - reserved.storageBytes));
  }
  return allocatable;
}

/** What the kubepods cgroup may use: capacity without system and kube reserved; eviction keeps its own distance. */
export function buildPodsCgroupLimits(
  machine: MachineResources,
  { systemReserved, kubeReserved }: Pick<ResourceConfig, 'systemReserved' | 'kubeReserved'>,
): { readonly cpuMilli: number; readonly memoryBytes: number; readonly pids: number } {
  return {
    cpuMilli: Math.max(0, machine.cpuCount * 1000 - systemReserved.cpuMilli - kubeReserved.cpuMilli),
    memoryBytes: Math.max(0, machine.memoryBytes - systemReserved.memoryBytes - kubeReserved.memoryBytes),
    pids: Math.max(1, machine.pidLimit - systemReserved.pids - kubeReserved.pids), // systemd takes no 0
  };
}

/** One sentence per resource of which more is reserved than there is; the kubelet refuses to start then. */
export function findOverReservations(machine: MachineResources, config: ResourceConfig): readonly string[] {
  const reserved = reservation(machine, config);
  const rows = [
    ['cpu', reserved.cpuMilli, machine.cpuCount * 1000, formatMilli],
    ['memory', reserved.memoryBytes, machine.memoryBytes, formatBytes],
    ['ephemeral-storage', reserved.storageBytes, machine.rootFsBytes, formatBytes],
  ] as const;
  return rows
    .filter(([, amount, capacity]) => amount > capacity)
    .map(
      ([name, amount, capacity, format]) =>
        `Resource "${name}" has a reservation of ${format(amount)} but capacity of ${format(capacity)}. ` +
        'Expected capacity >= reservation.',
    );
}

/** Bytes as apimachinery prints a binary quantity: the largest suffix that keeps the number whole. */
export function formatBytes(bytes: number): Quantity {
  const suffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
  let value = bytes;
  let power = 0;
  while (value !== 0 && value % 1024 === 0 && power < suffixes.length - 1) {
    value /= 1024;
    power += 1;
  }
  return `${value}${suffixes[power] ?? ''}`;
}

/** The same amount, whatever the spelling (`1Gi` and `1024Mi`). */
export function isSameQuantity(a: Quantity | undefined, b: Quantity | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a === b || parseQuantity(a) === parseQuantity(b);
}

function formatMilli(milli: number): Quantity {
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}

function reservation(machine: MachineResources, config: ResourceConfig) {
  const { systemReserved, kubeReserved, evictionHard } = config;
  return {
    cpuMilli: systemReserved.cpuMilli + kubeReserved.cpuMilli,
    memoryBytes:
      systemReserved.memoryBytes +
      kubeReserved.memoryBytes +
      amountOf(evictionHard['memory.available'], machine.memoryBytes),
    storageBytes:
      systemReserved.ephemeralStorageBytes +
      kubeReserved.ephemeralStorageBytes +
      (config.localStorageCapacityIsolation
        ? amountOf(evictionHard['nodefs.available'], machine.rootFsBytes)
        : 0),
  };
}

function amountOf(threshold: EvictionAmount | undefined, capacity: number): number {
  if (!threshold) return 0;
  if (threshold.kind === 'amount') return threshold.amount;
  // The kubelet holds the share in single precision, and `kubectl describe node` shows every digit.
  return Math.trunc(capacity * Math.fround(Math.fround(threshold.percent) / 100));
}
