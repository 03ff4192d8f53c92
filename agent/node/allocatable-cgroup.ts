// The cgroup of all pods with what the node may give away, and below it those of the QoS classes
// (kubelet: cm/node_container_manager_linux.go, cm/qos_container_manager_linux.go).
import type { Config, ReservedResources } from '../config/config.ts';
import type { CgroupLimits } from '../host/cgroup-limits.ts';
import { buildCgroupPath, type CgroupDriver } from '../host/cgroup-names.ts';
import type { PodCgroups } from '../host/pod-cgroups.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { NodeEvents } from './node-events.ts';
import { buildPodsCgroupLimits, type MachineResources } from './node-resources.ts';

export interface AllocatableCgroupDeps {
  readonly cgroups: PodCgroups;
  readonly driver: CgroupDriver;
  readonly config: Pick<Config, 'node' | 'runtime'>;
  readonly machine: MachineResources;
  readonly events: NodeEvents;
  readonly logger: Logger;
}

const RETRY_MS = 60_000;
const BEST_EFFORT_CPU_SHARES = 2; // the kernel's least
const SHARES_PER_CPU = 1024;
const NOTHING: ReservedResources = { cpuMilli: 0, memoryBytes: 0, ephemeralStorageBytes: 0, pids: 0 };

/** Sets the cgroups up; a failure is an event, a warning and another try each minute. Pods need not wait for it. */
export async function runAllocatableCgroup(
  deps: AllocatableCgroupDeps,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { config, events, logger } = deps;
  if (!config.runtime.cgroupsPerQOS) return;
  const path = podsCgroup(deps);
  while (!signal.aborted) {
    try {
      const { missingControllers } = await ensurePodsCgroups(deps, signal);
      logger.info({ cgroup: path, missingControllers }, 'pods cgroup is set up');
      if (isEnforced(deps)) {
        events.normal('NodeAllocatableEnforced', 'Updated Node Allocatable limit across pods');
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error, cgroup: path }, 'pods cgroup cannot be set up, trying again in a minute');
      events.warning(
        'FailedNodeAllocatableEnforcement',
        `Failed to update Node Allocatable Limits "${path}": ${errorMessage(error)}`,
      );
      await sleep(RETRY_MS, { signal });
    }
  }
}

async function ensurePodsCgroups(deps: AllocatableCgroupDeps, signal: AbortSignal) {
  const { cgroups, driver, config } = deps;
  const { cgroupRoot } = config.runtime;
  const pods = await cgroups.ensure(podsCgroup(deps), buildLimits(deps), { signal });
  // The burstable class keeps the kernel's default until pods/ weighs it by its pods' requests.
  await cgroups.ensure(buildCgroupPath({ driver, cgroupRoot, qosClass: 'Burstable' }), {}, { signal });
  const bestEffort = buildCgroupPath({ driver, cgroupRoot, qosClass: 'BestEffort' });
  await cgroups.ensure(bestEffort, { cpuShares: BEST_EFFORT_CPU_SHARES }, { signal });
  return pods;
}

function podsCgroup({ driver, config }: AllocatableCgroupDeps): string {
  return buildCgroupPath({ driver, cgroupRoot: config.runtime.cgroupRoot });
}

function isEnforced({ config }: AllocatableCgroupDeps): boolean {
  return config.node.enforceNodeAllocatable.includes('pods');
}

// Not enforced means: as much as the machine has. The CPU share is always needed, the kernel's default is one core.
function buildLimits(deps: AllocatableCgroupDeps): CgroupLimits {
  const { machine, config } = deps;
  const reserved = isEnforced(deps) ? config.node : { systemReserved: NOTHING, kubeReserved: NOTHING };
  const allowed = buildPodsCgroupLimits(machine, reserved);
  return {
    cpuShares: Math.max(2, Math.floor((allowed.cpuMilli * SHARES_PER_CPU) / 1000)),
    memoryLimitBytes: allowed.memoryBytes,
    pidsMax: allowed.pids,
    // How many pages there are may change at any time, and each pod has a limit of its own.
    hugepageLimitBytes: new Map(machine.hugepages.map(({ pageBytes }) => [pageBytes, 'max'])),
  };
}
