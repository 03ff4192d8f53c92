// Sets volumes up for pods and keeps their content current. All work on one pod's volumes is serial; what a volume is
// made of is read again each time, so a wake-up never says what changed.
import { isDeepStrictEqual } from 'node:util';
import type { ApiClient } from '../api/client.ts';
import type { Pod, Volume } from '../api/objects.ts';
import { listMounts } from '../host/mount-info.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { sleep } from '../lib/sleep.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { Wakeup } from '../lib/wakeup.ts';
import { ObjectStore } from './object-store.ts';
import { PersistentVolumes } from './persistent-volumes.ts';
import { PodCertificateStore } from './pod-certificate-store.ts';
import { referencedObjects, usedVolumes } from './pod-references.ts';
import {
  buildFailureEvent,
  type PreparedVolume,
  type VolumeEvent,
  type VolumeOutcome,
} from './prepared-volume.ts';
import { type NodeFacts, type UpdateOutcome, VolumeSetUp } from './set-up.ts';
import { type TearDownOptions, tearDownVolumes } from './tear-down.ts';
import { TokenStore } from './token-store.ts';
import { TrustBundleStore } from './trust-bundle-store.ts';
import { isIntact } from './volume-place.ts';

export type { PreparedVolume } from './prepared-volume.ts';
export type { NodeFacts } from './set-up.ts';

export type VolumesOutcome =
  /** By the pod's volume name. */
  | {
      readonly kind: 'ready';
      readonly volumes: ReadonlyMap<string, PreparedVolume>;
      /** What the pod's owner should know of volumes set up just now. */
      readonly warnings: readonly VolumeEvent[];
    }
  | { readonly kind: 'waiting'; readonly failures: readonly VolumeFailure[] };

export interface VolumeFailure {
  readonly volume: string;
  /** As it stands at the end of the event. */
  readonly message: string;
  readonly event: VolumeEvent;
}

export interface VolumeManagerOptions {
  readonly client: ApiClient;
  /** The kubelet's root directory, `/var/lib/kubelet`. */
  readonly rootDir: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly node: NodeFacts;
}

interface Prepared {
  readonly volume: PreparedVolume;
  /** Of the content written last. */
  readonly digest: string | undefined;
  /** Why the last update could not be written. */
  readonly problem?: string | undefined;
}

interface PodVolumes {
  pod: Pod;
  /** One at a time: set-up, update and teardown of a pod's volumes never overlap. */
  readonly serial: Semaphore;
  readonly prepared: Map<string, Prepared>;
  /** The volumes that could not be set up, each with the reason. */
  readonly waiting: Map<string, string>;
  isToRetry: boolean;
}

// Several objects of one pod often change together (kubectl apply -k); one write for all of them.
const COALESCE_MS = 20;
const CONCURRENT_UPDATES = 8;
// What stood in the way of an update (a full disk) may have gone, and no change tells of that; as often as the kubelet.
const UPDATE_RETRY_MS = 60_000;

export class VolumeManager {
  /** ConfigMaps and Secrets by name; shared with whoever builds environments or pulls images. */
  readonly objects: ObjectStore;
  readonly #tokens: TokenStore;
  readonly #trustBundles: TrustBundleStore;
  readonly #certificates: PodCertificateStore;
  readonly #persistent: PersistentVolumes;
  readonly #setUp: VolumeSetUp;
  readonly #rootDir: string;
  readonly #logger: Logger;
  readonly #pods = new Map<string, PodVolumes>();
  readonly #listeners = new Listeners<[podUID: string]>();
  readonly #dirtyPodUIDs = new Set<string>();
  readonly #wakeup = new Wakeup();
  readonly #updates = new Semaphore(CONCURRENT_UPDATES);

  constructor({ client, rootDir, logger, clock, node }: VolumeManagerOptions) {
    this.objects = new ObjectStore({ client, logger });
    this.#tokens = new TokenStore({ client, clock, logger });
    this.#trustBundles = new TrustBundleStore({ client, logger });
    this.#certificates = new PodCertificateStore({ client, clock, logger, nodeUID: () => node.uid() });
    this.#persistent = new PersistentVolumes({ client, rootDir, nodeLabels: () => node.labels() });
    this.#setUp = new VolumeSetUp({
      rootDir,
      clock,
      node,
      objects: this.objects,
      tokens: this.#tokens,
      trustBundles: this.#trustBundles,
      certificates: this.#certificates,
      persistent: this.#persistent,
    });
    this.#rootDir = rootDir;
    this.#logger = logger;
    this.objects.onChange(podUID => this.#markDirty(podUID));
    this.#tokens.onChange(podUID => this.#markDirty(podUID));
    this.#trustBundles.onChange(podUID => this.#markDirty(podUID));
    this.#certificates.onChange(podUID => this.#markDirty(podUID));
  }

  /** Called with each pod that waited for a volume and may now have it; it only wakes. */
  onChange(listener: (podUID: string) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Watches, refreshes tokens and updates files until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const tasks = new TaskGroup({ signal });
    tasks.run(inner => this.objects.run(inner));
    tasks.run(inner => this.#tokens.run(inner));
    tasks.run(inner => this.#trustBundles.run(inner));
    tasks.run(inner => this.#certificates.run(inner));
    tasks.run(inner => this.#runUpdates(inner, tasks));
    await tasks.join();
  }

  /**
   * Sets up every volume some container of the pod uses, also one that somebody has unmounted or removed since;
   * idempotent. Objects the API server has not told about yet
   * are waited for about a second, then the outcome is `waiting` and `onChange` tells when to come again.
   */
  async ensureVolumes(pod: Pod, { signal }: { signal: AbortSignal }): Promise<VolumesOutcome> {
    const podUID = pod.metadata.uid ?? '';
    const entry = this.#entryOf(podUID, pod);
    for (const { kind, name } of referencedObjects(pod)) {
      this.objects.acquire(podUID, kind, pod.metadata.namespace ?? '', name);
    }
    return await entry.serial.run(() => this.#ensureAll(entry, signal), { signal, priority: 0 });
  }

  /** The pod's labels or annotations may have changed: its downwardAPI files follow. */
  updatePod(pod: Pod): void {
    const podUID = pod.metadata.uid ?? '';
    const entry = this.#pods.get(podUID);
    if (!entry) return;
    const before = entry.pod;
    entry.pod = pod;
    // Most changes of a pod are its status, which no file shows.
    if (!isDeepStrictEqual(shownFields(before), shownFields(pod))) this.#markDirty(podUID);
  }

  /**
   * Unmounts and removes what the pod's volumes left on the node; idempotent, and works from the directory alone, so
   * also for a pod this process never knew. A busy mount is an UnavailableError that names it.
   */
  async teardownVolumes(podUID: string, options: TearDownOptions): Promise<void> {
    const { signal } = options;
    const entry = this.#pods.get(podUID);
    this.#pods.delete(podUID);
    this.#dirtyPodUIDs.delete(podUID);
    this.#tokens.release(podUID);
    this.#trustBundles.release(podUID);
    this.#certificates.release(podUID);
    const tearDown = (): Promise<void> => tearDownVolumes(this.#rootDir, podUID, options);
    await (entry ? entry.serial.run(tearDown, { signal, priority: 0 }) : tearDown());
    await this.#persistent.release(podUID, { signal });
  }

  /** The pod is over: gives up the objects and tokens kept for it. */
  release(podUID: string): void {
    this.#pods.delete(podUID);
    this.#dirtyPodUIDs.delete(podUID);
    this.objects.release(podUID);
    this.#tokens.release(podUID);
    this.#trustBundles.release(podUID);
    this.#certificates.release(podUID);
  }

  #entryOf(podUID: string, pod: Pod): PodVolumes {
    const known = this.#pods.get(podUID);
    if (known) {
      known.pod = pod;
      return known;
    }
    const entry = {
      pod,
      serial: new Semaphore(1),
      prepared: new Map<string, Prepared>(),
      waiting: new Map<string, string>(),
      isToRetry: false,
    };
    this.#pods.set(podUID, entry);
    return entry;
  }

  async #ensureAll(entry: PodVolumes, signal: AbortSignal): Promise<VolumesOutcome> {
    const { pod, prepared } = entry;
    entry.waiting.clear();
    await this.#forgetLost(entry);
    const missing = usedVolumes(pod).filter(volume => !prepared.has(volume.name));
    const warnings: VolumeEvent[] = [];
    const results = await Promise.all(
      missing.map(volume => this.#ensureOne(entry, volume, warnings, signal)),
    );
    signal.throwIfAborted();
    const failures = results.filter(result => result !== undefined);
    if (failures.length > 0) return { kind: 'waiting', failures };
    const volumes = Array.from(prepared, ([name, { volume }]): [string, PreparedVolume] => [name, volume]);
    return { kind: 'ready', volumes: new Map(volumes), warnings };
  }

  /** What somebody has unmounted or removed since is set up again. */
  async #forgetLost({ pod, prepared }: PodVolumes): Promise<void> {
    if (prepared.size === 0) return; // most often: the pod starts
    const mounts = await listMounts();
    for (const volume of usedVolumes(pod)) {
      const known = prepared.get(volume.name)?.volume;
      if (!known || (await isIntact(volume, known, { rootDir: this.#rootDir, mounts }))) continue;
      const fields = { podUID: pod.metadata.uid, pod: `${pod.metadata.namespace}/${pod.metadata.name}` };
      const text = 'volume was unmounted or removed by somebody, set up again';
      this.#logger.warn({ ...fields, volume: volume.name }, text);
      prepared.delete(volume.name);
    }
  }

  async #ensureOne(
    entry: PodVolumes,
    volume: Volume,
    warnings: VolumeEvent[],
    signal: AbortSignal,
  ): Promise<VolumeFailure | undefined> {
    const outcome = await this.#attempt(entry.pod, volume, signal);
    if (outcome.kind === 'failed') {
      entry.waiting.set(volume.name, outcome.problem); // at once: from here on a change wakes the pod
      const event = buildFailureEvent(volume.name, outcome);
      return { volume: volume.name, message: outcome.problem, event };
    }
    if (outcome.warning) warnings.push(outcome.warning);
    entry.prepared.set(volume.name, { volume: outcome.volume, digest: outcome.digest });
    return undefined;
  }

  async #attempt(pod: Pod, volume: Volume, signal: AbortSignal): Promise<VolumeOutcome> {
    try {
      return await this.#setUp.ensureVolume(pod, volume, { signal });
    } catch (error) {
      // One volume's trouble (no space, a busy mount) is that volume's failure, named in the pod's event.
      return { kind: 'failed', problem: errorMessage(error) };
    }
  }

  #markDirty(podUID: string): void {
    const entry = this.#pods.get(podUID);
    if (!entry) return;
    if (this.#mayBeReady(entry)) this.#listeners.tell(podUID);
    this.#dirtyPodUIDs.add(podUID);
    this.#wakeup.wake();
  }

  #mayBeReady({ pod, waiting }: PodVolumes): boolean {
    return usedVolumes(pod).some(volume => {
      const problem = waiting.get(volume.name);
      return problem !== undefined && this.#setUp.isWorthARetry(pod, volume, problem);
    });
  }

  async #runUpdates(signal: AbortSignal, tasks: TaskGroup): Promise<void> {
    while (!signal.aborted) {
      if (this.#dirtyPodUIDs.size === 0) await this.#wakeup.wait(Number.POSITIVE_INFINITY, { signal });
      await sleep(COALESCE_MS, { signal });
      const podUIDs = [...this.#dirtyPodUIDs];
      this.#dirtyPodUIDs.clear();
      // A stuck file system under one pod must not hold the others up.
      for (const podUID of podUIDs) tasks.run(inner => this.#update(podUID, inner));
    }
  }

  async #update(podUID: string, signal: AbortSignal): Promise<void> {
    const entry = this.#pods.get(podUID);
    if (!entry) return;
    await entry.serial.run(
      () => this.#updates.run(() => this.#updateAll(podUID, entry, signal), { signal, priority: 0 }),
      { signal, priority: 0 },
    );
    const isBehind = entry.prepared.values().some(({ problem }) => problem !== undefined);
    if (!isBehind || entry.isToRetry) return;
    entry.isToRetry = true;
    await sleep(UPDATE_RETRY_MS, { signal });
    entry.isToRetry = false;
    if (this.#pods.get(podUID) === entry) this.#markDirty(podUID);
  }

  async #updateAll(podUID: string, entry: PodVolumes, signal: AbortSignal): Promise<void> {
    if (this.#pods.get(podUID) !== entry) return; // torn down while this waited
    const { pod, prepared } = entry;
    const logger = this.#logger.child({ podUID, pod: `${pod.metadata.namespace}/${pod.metadata.name}` });
    for (const volume of usedVolumes(pod)) {
      const known = prepared.get(volume.name);
      if (!known || signal.aborted) continue;
      prepared.set(volume.name, await this.#updateOne(pod, volume, known, logger));
    }
  }

  async #updateOne(pod: Pod, volume: Volume, known: Prepared, logger: Logger): Promise<Prepared> {
    const outcome = await this.#attemptUpdate(pod, volume, known.digest);
    switch (outcome.kind) {
      case 'unchanged':
        return { ...known, problem: undefined };
      case 'updated':
        logger.info({ volume: volume.name }, 'volume content updated');
        return { ...known, digest: outcome.digest, problem: undefined };
      case 'failed':
        if (outcome.problem !== known.problem) {
          logger.warn({ volume: volume.name, reason: outcome.problem }, 'volume keeps its last content');
        }
        return { ...known, problem: outcome.problem };
    }
  }

  async #attemptUpdate(pod: Pod, volume: Volume, digest: string | undefined): Promise<UpdateOutcome> {
    try {
      return await this.#setUp.updateVolume(pod, volume, digest);
    } catch (error) {
      return { kind: 'failed', problem: errorMessage(error) };
    }
  }
}

function shownFields({ metadata, spec }: Pod): unknown {
  return [metadata.labels, metadata.annotations, spec];
}
