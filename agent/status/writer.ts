// Sends pod statuses: newest wins per pod, one request in flight per pod, nothing when nothing changed. The final
// DELETE of a finished pod follows its terminal status on the same path, so a watcher always sees the end first.

import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { Counter } from 'prom-client';
import type { ApiClient } from '../api/client.ts';
import type { Pod, PodStatus } from '../api/objects.ts';
import { waitAborted } from '../lib/abort.ts';
import { Backoff } from '../lib/backoff.ts';
import { ConflictError, InvalidError, NotFoundError } from '../lib/errors.ts';
import { metricsRegistry } from '../lib/metrics.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { sleep } from '../lib/sleep.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { OWNED_CONDITIONS } from './conditions.ts';
import { buildStatusPatch } from './patch.ts';

const CONCURRENT_WRITES = 16;
// A status of a moment in the middle of the work is superseded by the next one, mostly within a fraction of this.
const PROVISIONAL_MS = 500;
const RETRY = { initialMs: 200, maxMs: 10_000, jitter: 0.3 } as const;

const writesTotal = new Counter({
  name: 'nodelet_pod_status_writes_total',
  help: 'Requests sent for pod statuses and final deletions, by kind and result.',
  labelNames: ['kind', 'result'] as const,
  registers: [metricsRegistry],
});

interface Entry {
  readonly uid: string;
  readonly path: string;
  readonly pod: string;
  /** What the API server has, as far as we were told. */
  known: { readonly status: PodStatus; readonly resourceVersion: number };
  next: PodStatus;
  /** The last patch the server took: if the same difference remains, it keeps something else and asking again is vain. */
  taken: Record<string, unknown> | undefined;
  /** Nothing of the pod is left on the node; its object may go. */
  isFinished: boolean;
  isDeleting: boolean;
  isBusy: boolean;
  /** What is there to be sent may still be superseded: not before the hold is over. */
  isHeld: boolean;
}

type Write =
  | { readonly kind: 'patch'; readonly status: Record<string, unknown> }
  | { readonly kind: 'delete' };

export class StatusWriter {
  readonly #client: ApiClient;
  readonly #logger: Logger;
  readonly #entries = new Map<string, Entry>();
  readonly #places = new Semaphore(CONCURRENT_WRITES);
  readonly #tasks: TaskGroup;
  #isFailing = false;

  constructor({ client, logger, signal }: { client: ApiClient; logger: Logger; signal: AbortSignal }) {
    this.#client = client;
    this.#logger = logger.child({ component: 'status' });
    this.#tasks = new TaskGroup({ signal });
    client.onStoreWentBack(() => this.#distrust());
  }

  /** Lives until the signal given to the constructor aborts and the last write has ended. */
  async run(): Promise<void> {
    this.#tasks.run(waitAborted);
    await this.#tasks.join();
  }

  /**
   * Takes the newest status of a pod; `pod` is its object as last seen. Returns at once. A provisional one is followed
   * by another as soon as what is under way is done: it waits for that, though not for long.
   */
  set(
    pod: Pod,
    status: PodStatus,
    { isFinished, isProvisional }: { readonly isFinished: boolean; readonly isProvisional: boolean },
  ): void {
    const entry = this.#entry(pod);
    entry.next = status;
    entry.isFinished ||= isFinished;
    if (isProvisional && !this.#isUrgent(entry)) {
      this.#hold(entry);
      return;
    }
    entry.isHeld = false;
    this.#start(entry);
  }

  // Nobody should be sent to a pod that is no longer Ready; one that is being deleted gets no requests anyway.
  #isUrgent({ known, next, isDeleting }: Entry): boolean {
    return !isDeleting && isReady(known.status) && !isReady(next);
  }

  #hold(entry: Entry): void {
    if (entry.isHeld || entry.isBusy) return;
    entry.isHeld = true;
    this.#tasks.run(async signal => {
      await sleep(PROVISIONAL_MS, { signal });
      entry.isHeld = false;
      this.#start(entry);
    });
  }

  /**
   * The status to build the next one from: what was set last for the fields of the node, what the API server has for
   * everything that others may write (foreign conditions, reason, message).
   */
  latest(pod: Pod): PodStatus {
    const { known, next } = this.#entry(pod);
    const { reason: _reason, message: _message, ...own } = next;
    const foreign = (known.status.conditions ?? []).filter(({ type }) => !OWNED_CONDITIONS.has(type));
    const owned = (next.conditions ?? []).filter(({ type }) => OWNED_CONDITIONS.has(type));
    return { ...known.status, ...own, conditions: [...foreign, ...owned] };
  }

  /** As `latest`, for those who only look: of a pod that nobody reports about, the object's own. */
  peek(pod: Pod): PodStatus {
    return this.#entries.has(pod.metadata.uid ?? '') ? this.latest(pod) : (pod.status ?? {});
  }

  /** The object is gone: whatever was to be said about it no longer matters. */
  forget(podUID: string): void {
    this.#entries.delete(podUID);
  }

  // What the API server has may be older than what it once had: the next object we see tells, whatever its version.
  #distrust(): void {
    for (const entry of this.#entries.values()) {
      entry.known = { ...entry.known, resourceVersion: 0 };
      entry.taken = undefined;
    }
  }

  #entry(pod: Pod): Entry {
    const uid = pod.metadata.uid ?? '';
    const seen = { status: pod.status ?? {}, resourceVersion: Number(pod.metadata.resourceVersion ?? 0) };
    const existing = this.#entries.get(uid);
    if (existing) {
      if (seen.resourceVersion > existing.known.resourceVersion) existing.known = seen;
      existing.isDeleting ||= pod.metadata.deletionTimestamp !== undefined;
      return existing;
    }
    const { namespace = 'default', name } = pod.metadata;
    const created: Entry = {
      uid,
      path: `/api/v1/namespaces/${namespace}/pods/${name}`,
      pod: `${namespace}/${name}`,
      known: seen,
      next: seen.status,
      taken: undefined,
      isFinished: false,
      isDeleting: pod.metadata.deletionTimestamp !== undefined,
      isBusy: false,
      isHeld: false,
    };
    this.#entries.set(uid, created);
    return created;
  }

  #start(entry: Entry): void {
    if (entry.isBusy || this.#tasks.signal.aborted) return;
    entry.isBusy = true;
    this.#tasks.run(signal => this.#pump(entry, signal));
  }

  async #pump(entry: Entry, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(RETRY);
    while (!signal.aborted && this.#entries.get(entry.uid) === entry) {
      const write = entry.isHeld ? undefined : planWrite(entry);
      if (!write) break; // and no await before isBusy is false: a status set meanwhile would wait for the next one
      try {
        await this.#places.run(() => this.#perform(entry, write, signal), { signal, priority: 0 });
        writesTotal.inc({ kind: write.kind, result: 'ok' });
        this.#noteSuccess();
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        writesTotal.inc({ kind: write.kind, result: 'error' });
        if (await this.#isFinal(entry, error, signal)) break;
        await sleep(backoff.nextMs(), { signal });
      }
    }
    entry.isBusy = false;
  }

  async #perform(entry: Entry, write: Write, signal: AbortSignal): Promise<void> {
    if (write.kind === 'delete') {
      const options = { gracePeriodSeconds: 0, preconditions: { uid: entry.uid } };
      await this.#client.delete(
        entry.path,
        { kind: 'DeleteOptions', apiVersion: 'v1', ...options },
        { signal },
      );
      this.#entries.delete(entry.uid);
      return;
    }
    const body = { metadata: { uid: entry.uid }, status: write.status };
    this.#logger.debug({ pod: entry.pod, podUID: entry.uid, status: write.status }, 'pod status patch');
    const result = await this.#client.patch<Pod>(`${entry.path}/status`, body, { signal, type: 'strategic' });
    entry.taken = write.status;
    const resourceVersion = Number(result.metadata.resourceVersion ?? 0);
    if (resourceVersion >= entry.known.resourceVersion) {
      entry.known = { status: result.status ?? {}, resourceVersion };
    }
  }

  // True when trying again makes no sense: the object is gone, another one has its name, or the server refuses the content.
  async #isFinal(entry: Entry, error: unknown, signal: AbortSignal): Promise<boolean> {
    if (
      error instanceof NotFoundError ||
      (error instanceof ConflictError && (await this.#isGone(entry, signal)))
    ) {
      this.#entries.delete(entry.uid);
      return true;
    }
    if (error instanceof InvalidError) {
      this.#logger.error(
        { pod: entry.pod, podUID: entry.uid, err: error },
        'API server refuses the pod status; it stays as it was until something changes',
      );
      entry.taken = buildStatusPatch(entry.known.status, entry.next);
      return true;
    }
    if (!this.#isFailing) {
      this.#isFailing = true;
      this.#logger.warn({ pod: entry.pod, err: error }, 'pod status not written, trying again');
    }
    return false;
  }

  // 409 is the answer to a precondition that failed (another pod has the name) and to plain contention; a look tells.
  async #isGone(entry: Entry, signal: AbortSignal): Promise<boolean> {
    try {
      const pod = await this.#client.get<Pod>(entry.path, { signal });
      return pod.metadata.uid !== entry.uid;
    } catch (error) {
      return error instanceof NotFoundError;
    }
  }

  #noteSuccess(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#logger.info('pod statuses are written again');
  }
}

function isReady({ conditions = [] }: PodStatus): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function planWrite(entry: Entry): Write | undefined {
  const status = buildStatusPatch(entry.known.status, entry.next);
  if (status && !isDeepStrictEqual(status, entry.taken)) return { kind: 'patch', status };
  const { phase } = entry.known.status;
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  return entry.isFinished && entry.isDeleting && isOver ? { kind: 'delete' } : undefined;
}
