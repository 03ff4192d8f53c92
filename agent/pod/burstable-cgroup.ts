// The weight of the Burstable class: what its pods ask for together, so that they stand up to Guaranteed pods by their
// requests (kubelet: cm/qos_container_manager_linux.go).

import type { Pod } from '../api/objects.ts';
import { buildCgroupPath, type CgroupDriver } from '../host/cgroup-names.ts';
import type { PodCgroups } from '../host/pod-cgroups.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { Wakeup } from '../lib/wakeup.ts';
import { cpuShares } from '../resources/linux-resources.ts';
import { buildPodResources, buildQosClass } from '../resources/pod-resources.ts';
import type { PodWorkers } from './workers.ts';

const COALESCE_MS = 500; // a burst of pods is one write, and no pod waits for it
const RECHECK_MS = 60_000;

export interface BurstableCgroupDeps {
  readonly workers: PodWorkers;
  readonly cgroups: PodCgroups;
  readonly driver: () => CgroupDriver;
  readonly cgroupRoot: string;
  readonly logger: Logger;
}

/** Lives until the signal aborts. */
export async function runBurstableCgroup(
  { workers, cgroups, driver, cgroupRoot, logger }: BurstableCgroupDeps,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const wakeup = new Wakeup();
  workers.onChange(() => wakeup.wake());
  let written: number | undefined;
  while (!signal.aborted) {
    const shares = burstableShares(workers.activePods());
    if (shares !== written) {
      const path = buildCgroupPath({ driver: driver(), cgroupRoot, qosClass: 'Burstable' });
      try {
        await cgroups.ensure(path, { cpuShares: shares }, { signal });
        written = shares;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error, cgroup: path }, 'weight of the Burstable class not written, trying again');
      }
    }
    await wakeup.wait(RECHECK_MS, { signal });
    await sleep(COALESCE_MS, { signal });
  }
}

function burstableShares(pods: readonly Pod[]): number {
  const burstable = pods.filter(({ spec }) => buildQosClass(spec) === 'Burstable');
  return cpuShares(burstable.reduce((sum, { spec }) => sum + buildPodResources(spec).requests.cpuMilli, 0));
}
