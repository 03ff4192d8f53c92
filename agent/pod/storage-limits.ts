// Holds pods to their local storage limits: measures those that have some, and evicts one that is over.
import type { Pod } from '../api/objects.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { readDirectoryUsage } from '../host/disk-usage.ts';
import type { Logger } from '../lib/logger.ts';
import { OutageLog } from '../lib/outage-log.ts';
import { sleep } from '../lib/sleep.ts';
import {
  findStorageExcess,
  hasStorageLimits,
  type LocalStorageUsage,
} from '../resources/plan-storage-limits.ts';
import { isCriticalPod } from '../resources/pod-class.ts';
import { podDirectory, volumeDirectory } from '../volume/pod-directories.ts';
import { isTerminalPhase } from './desired-pod.ts';
import { podLogDirectory, podNamespace, podUID } from './naming.ts';
import type { PodEvents } from './pod-events.ts';
import type { PodWorkers } from './workers.ts';

export interface StorageLimitsDeps {
  readonly runtime: Pick<RuntimeService, 'listContainerStats'>;
  readonly workers: Pick<PodWorkers, 'desiredPods' | 'end'>;
  readonly events: PodEvents;
  readonly settings: { readonly rootDir: string; readonly podLogsDir: string };
  readonly logger: Logger;
}

const INTERVAL_MS = 10_000; // as the kubelet's eviction manager; containerd measures layers as often
const GRACE_SECONDS = 1;

export class StorageLimits {
  readonly #deps: StorageLimitsDeps;
  readonly #outage: OutageLog;

  constructor(deps: StorageLimitsDeps) {
    this.#deps = deps;
    this.#outage = new OutageLog(deps.logger, 'measuring the local storage of pods');
  }

  /** Lives until the signal aborts. */
  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      await sleep(INTERVAL_MS, { signal });
      let isWhole = true;
      for (const pod of this.#limitedPods()) {
        if (!signal.aborted && !(await this.#check(pod, signal))) isWhole = false;
      }
      if (isWhole) this.#outage.succeeded();
    }
  }

  #limitedPods(): readonly Pod[] {
    return this.#deps.workers
      .desiredPods()
      .filter(
        pod => hasStorageLimits(pod.spec) && !isTerminalPhase(pod.status?.phase) && !isCriticalPod(pod),
      );
  }

  /** False when the pod could not be measured. */
  async #check(pod: Pod, signal: AbortSignal): Promise<boolean> {
    const { workers, events } = this.#deps;
    try {
      const message = findStorageExcess(pod.spec, await this.#measure(pod, signal));
      if (message === undefined) return true;
      // Told twice if the pod takes longer than a round to go; Events count.
      events.pod(pod, 'Warning', 'Evicted', message);
      workers.end(podUID(pod), { reason: 'Evicted', message }, GRACE_SECONDS);
      return true;
    } catch (error) {
      // One line for all pods: it is the runtime or the disk that does not answer.
      if (!signal.aborted) this.#outage.failed(error);
      return false;
    }
  }

  async #measure(pod: Pod, signal: AbortSignal): Promise<LocalStorageUsage> {
    const { rootDir } = this.#deps.settings;
    const uid = podUID(pod);
    const emptyDirs = new Map<string, number>();
    for (const { name, emptyDir } of pod.spec.volumes ?? []) {
      if (!emptyDir) continue;
      const { usedBytes } = await readDirectoryUsage(volumeDirectory(rootDir, uid, 'emptyDir', name));
      emptyDirs.set(name, usedBytes);
    }
    const containers = await this.#measureContainers(pod, signal);
    const { usedBytes: hostsBytes } = await readDirectoryUsage(`${podDirectory(rootDir, uid)}/etc-hosts`);
    const onDisk = (pod.spec.volumes ?? []).filter(volume => isOnDisk(volume['emptyDir']));
    const volumeBytes = onDisk.map(({ name }) => emptyDirs.get(name) ?? 0);
    const parts = [...containers.values(), ...volumeBytes, hostsBytes];
    return { emptyDirs, containers, podBytes: parts.reduce((total, bytes) => total + bytes, 0) };
  }

  /** Logs and writable layers by container name. */
  async #measureContainers(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const uid = podUID(pod);
    const labelSelector = { 'io.kubernetes.pod.uid': uid };
    const stats = await this.#deps.runtime.listContainerStats({ labelSelector }, { signal });
    const names = { namespace: podNamespace(pod), name: pod.metadata.name, uid };
    const logs = podLogDirectory(this.#deps.settings.podLogsDir, names);
    const usage = new Map<string, number>();
    for (const { attributes, writableLayer } of stats) {
      const name = attributes?.metadata?.name;
      if (name === undefined) continue;
      const layerBytes = Number(writableLayer?.usedBytes?.value ?? 0);
      const before = usage.get(name) ?? (await readDirectoryUsage(`${logs}/${name}`)).usedBytes;
      usage.set(name, before + layerBytes);
    }
    return usage;
  }
}

// A tmpfs takes memory; the API server admits no emptyDir of another shape.
function isOnDisk(emptyDir: unknown): boolean {
  return emptyDir != null && !(emptyDir as { readonly medium?: string }).medium;
}
