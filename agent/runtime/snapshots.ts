// The observed half of the agent: one snapshot per pod, refreshed when the runtime tells of an event, after each
// action of ours, and by a relist that counts what the events missed.

import type { Logger } from 'pino';
import { Counter } from 'prom-client';
import type { Container, PodSandbox } from '../../cri-proto/runtime.v1.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { Listeners } from '../lib/listeners.ts';
import { metricsRegistry } from '../lib/metrics.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { sleep } from '../lib/sleep.ts';
import type { ObservedPod } from './observed-pod.ts';
import { containerRecord, PodRecords, type RuntimeRecord, sandboxRecord } from './pod-records.ts';
import { isPodUID } from './pod-uid.ts';
import { RelistMetrics } from './relist-metrics.ts';
import { StatusCache } from './status-cache.ts';

// A status takes a millisecond; on a crowded node with a hundred pods some seconds.
const READ_PATIENCE_MS = 5000;
// Enough to keep both sides busy; a pod that starts meanwhile does not queue behind hundreds.
const READS_AT_ONCE = 8;

const POD_UID_LABEL = 'io.kubernetes.pod.uid';

const correctionsTotal = new Counter({
  name: 'nodelet_runtime_relist_corrections_total',
  help: 'Pods whose state a relist found different from what the events had told.',
  registers: [metricsRegistry],
});

/** Something of a pod that one of our actions has made or changed. */
export type RuntimeSubject =
  | { readonly kind: 'sandbox'; readonly id: string }
  | { readonly kind: 'container'; readonly id: string; readonly sandboxId: string };

export class RuntimeSnapshots {
  readonly #runtime: RuntimeService;
  readonly #logger: Logger;
  readonly #statuses: StatusCache;
  readonly #records = new Map<string, PodRecords>();
  readonly #pods = new Map<string, ObservedPod>();
  /** Container or sandbox ID to pod UID, so that an event finds its pod. */
  readonly #owners = new Map<string, string>();
  /** Pods that the first list showed and that have not been read since. */
  readonly #unread = new Set<string>();
  readonly #relistMetrics = new RelistMetrics();
  readonly #listeners = new Listeners<[podUID: string]>();
  readonly #listed = Promise.withResolvers<void>();
  readonly #read = Promise.withResolvers<void>();
  #looks = 0;
  #hasListed = false;
  #hasRead = false;

  constructor({ runtime, logger }: { runtime: RuntimeService; logger: Logger }) {
    this.#runtime = runtime;
    this.#logger = logger.child({ component: 'runtime' });
    this.#statuses = new StatusCache(runtime);
  }

  /** True once there was a complete list: before that an absent pod means nothing. */
  get hasListed(): boolean {
    return this.#hasListed;
  }

  /** Fulfilled with the first complete list: `knows` can be asked. */
  get listed(): Promise<void> {
    return this.#listed.promise;
  }

  /** Fulfilled when the pods of the first list were read too, or could not be in good time: `all` is complete. */
  get read(): Promise<void> {
    return this.#read.promise;
  }

  /** Whether what the first list showed is still being read; who waits for a pod is told by `onChange`. */
  get isReading(): boolean {
    return !this.#hasRead;
  }

  /** True while the runtime has told that the pod is there and not how it is: nothing may be decided about it. */
  isUnread(podUID: string): boolean {
    return this.#unread.has(podUID);
  }

  unread(): IterableIterator<string> {
    return this.#unread.values();
  }

  /** Whether the runtime has anything of the pod, read or not. */
  knows(podUID: string): boolean {
    return this.#pods.has(podUID) || this.#unread.has(podUID);
  }

  get(podUID: string): ObservedPod | undefined {
    return this.#pods.get(podUID);
  }

  all(): IterableIterator<ObservedPod> {
    return this.#pods.values();
  }

  ownerOf(containerOrSandboxId: string): string | undefined {
    return this.#owners.get(containerOrSandboxId);
  }

  onChange(listener: (podUID: string) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Lists one pod in the runtime and returns its snapshot, undefined when the runtime knows nothing of it. */
  async refreshPod(podUID: string, { signal }: { signal: AbortSignal }): Promise<ObservedPod | undefined> {
    const look = this.#nextLook();
    const filter = { labelSelector: { [POD_UID_LABEL]: podUID } };
    const [sandboxes, containers] = await Promise.all([
      this.#runtime.listPodSandbox(filter, { signal }),
      this.#runtime.listContainers(filter, { signal }),
    ]);
    await this.#applyAll(podUID, sandboxes, containers, look, signal);
    return this.#pods.get(podUID);
  }

  /** Reads again only what is named: cheaper than a list, and enough where nothing else can have come up. */
  async refreshSubjects(
    podUID: string,
    subjects: readonly RuntimeSubject[],
    { signal }: { signal: AbortSignal },
  ): Promise<ObservedPod | undefined> {
    const look = this.#nextLook();
    const found = await Promise.all(subjects.map(subject => this.#readSubject(subject, signal)));
    const records = this.#recordsOf(podUID);
    for (const [index, record] of found.entries()) {
      if (record) records.set(record, look);
      else records.remove(subjects[index]?.id ?? '', look);
    }
    this.#store(podUID);
    return this.#pods.get(podUID);
  }

  /** As refreshSubjects, for one that the snapshot knows already. */
  async refreshKnown(id: string, options: { signal: AbortSignal }): Promise<ObservedPod | undefined> {
    const podUID = this.#owners.get(id);
    const record = podUID === undefined ? undefined : this.#records.get(podUID)?.get(id);
    if (podUID === undefined || record === undefined) return undefined;
    const subject: RuntimeSubject =
      record.kind === 'sandbox'
        ? { kind: 'sandbox', id }
        : { kind: 'container', id, sandboxId: record.item.podSandboxId };
    return await this.refreshSubjects(podUID, [subject], options);
  }

  async #readSubject(subject: RuntimeSubject, signal: AbortSignal): Promise<RuntimeRecord | undefined> {
    if (subject.kind === 'sandbox') {
      const status = await this.#statuses.readSandbox(subject.id, signal);
      return status && sandboxRecord(status);
    }
    const status = await this.#statuses.readContainer(subject.id, signal);
    return status && containerRecord(status, subject.sandboxId);
  }

  /** Reads everything; pods that differ from what was known are reported to the listeners. */
  async relist({ signal }: { signal: AbortSignal }): Promise<void> {
    await this.#relistMetrics.measure(async () => await this.#relist(signal));
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const look = this.#nextLook();
    const [sandboxes, containers] = await Promise.all([
      this.#runtime.listPodSandbox({}, { signal }),
      this.#runtime.listContainers({}, { signal }),
    ]);
    const sandboxesByPod = Map.groupBy(sandboxes, ({ labels }) => labels[POD_UID_LABEL] ?? '');
    const containersByPod = Map.groupBy(containers, ({ labels }) => labels[POD_UID_LABEL] ?? '');
    const uids = new Set([...sandboxesByPod.keys(), ...containersByPod.keys(), ...this.#pods.keys()]);
    // Not a pod's: somebody uses the namespace by hand.
    for (const uid of uids) if (!isPodUID(uid)) uids.delete(uid);
    for (const uid of this.#unread) if (!uids.has(uid)) this.#unread.delete(uid);
    for (const uid of uids) if (!this.#pods.has(uid)) this.#unread.add(uid);
    this.#hasListed = true;
    this.#listed.resolve();
    const places = new Semaphore(READS_AT_ONCE);
    const reads = [...uids].map(async uid => {
      const items = [sandboxesByPod.get(uid) ?? [], containersByPod.get(uid) ?? []] as const;
      const read = async (): Promise<boolean> => await this.#applyAll(uid, ...items, look, signal);
      const hasChanged = await places.run(read, { signal, priority: 0 });
      if (hasChanged && this.#hasRead) this.#countCorrection(uid);
    });
    await allWithin(reads, READ_PATIENCE_MS, signal);
    this.#statuses.retainOnly(new Set([...sandboxes, ...containers].map(({ id }) => id)));
    this.#forgetGoneBefore(look);
    this.#hasRead = true;
    this.#read.resolve();
  }

  // A slow look from before must not bring back what was removed, so that is remembered for one list longer.
  #forgetGoneBefore(look: number): void {
    for (const [podUID, records] of this.#records) {
      records.forgetGoneBefore(look);
      if (records.isForgotten) this.#records.delete(podUID);
    }
  }

  #countCorrection(podUID: string): void {
    correctionsTotal.inc();
    const pod = this.#pods.get(podUID);
    this.#logger.debug(
      { pod: pod ? `${pod.namespace}/${pod.name}` : undefined, podUID, state: stateText(pod) },
      'relist found a change that no event had told yet',
    );
  }

  #nextLook(): number {
    this.#looks += 1;
    return this.#looks;
  }

  #recordsOf(podUID: string): PodRecords {
    const known = this.#records.get(podUID);
    if (known) return known;
    const records = new PodRecords();
    this.#records.set(podUID, records);
    return records;
  }

  async #applyAll(
    podUID: string,
    sandboxItems: readonly PodSandbox[],
    containerItems: readonly Container[],
    look: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const sandboxes = sandboxItems.map(
      async (item): Promise<RuntimeRecord> => ({
        kind: 'sandbox',
        item,
        status: await this.#statuses.sandbox(item, signal),
      }),
    );
    const containers = containerItems.map(async (item): Promise<RuntimeRecord | undefined> => {
      const status = await this.#statuses.container(item, signal);
      return status && { kind: 'container', item, status };
    });
    const found = await Promise.all([...sandboxes, ...containers]);
    this.#recordsOf(podUID).setAll(
      found.filter(record => record !== undefined),
      look,
    );
    const wasUnread = this.#unread.delete(podUID);
    return this.#store(podUID, wasUnread);
  }

  #store(podUID: string, isNews = false): boolean {
    const before = this.#pods.get(podUID);
    const next = this.#recordsOf(podUID).build(podUID);
    for (const id of idsOf(before)) this.#owners.delete(id);
    for (const id of idsOf(next)) this.#owners.set(id, podUID);
    if (next) this.#pods.set(podUID, next);
    else this.#pods.delete(podUID);
    const hasChanged = stateText(before) !== stateText(next);
    if (hasChanged || isNews) this.#listeners.tell(podUID);
    return hasChanged;
  }
}

// One pod whose status does not come must not keep the others from being seen. None that comes is an outage.
async function allWithin(
  reads: readonly Promise<void>[],
  timeMs: number,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const outcomes = Promise.allSettled(reads).then(settled => {
    over.abort();
    return settled;
  });
  const late = sleep(timeMs, { signal: AbortSignal.any([signal, over.signal]) }).then(() => undefined);
  const settled = await Promise.race([outcomes, late]);
  const failures = settled?.filter(outcome => outcome.status === 'rejected') ?? [];
  if (failures.length > 0 && failures.length === settled?.length) throw failures[0]?.reason;
}

function idsOf(pod: ObservedPod | undefined): readonly string[] {
  return pod ? [...pod.sandboxes, ...pod.containers].map(({ id }) => id) : [];
}

/** What planning depends on, as one comparable text. */
function stateText(pod: ObservedPod | undefined): string {
  if (!pod) return 'absent';
  const sandboxes = pod.sandboxes.map(
    ({ id, isReady }) => `${id.slice(0, 12)}=${isReady ? 'ready' : 'notReady'}`,
  );
  const containers = pod.containers.map(({ id, name, state }) => `${name}/${id.slice(0, 12)}=${state}`);
  return [...sandboxes, ...containers].join(' ');
}
