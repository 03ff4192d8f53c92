// The pods of this node: what the API asks for on one side, what the runtime shows on the other, a worker for each.

import type { Pod } from '../api/objects.ts';
import { waitAborted } from '../lib/abort.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { type DesiredPod, isTerminalPhase } from './desired-pod.ts';
import { markSeen } from './seen-pod.ts';
import { PodWorker, type WorkerDeps } from './worker.ts';

export class PodWorkers {
  readonly #deps: WorkerDeps;
  readonly #workers = new Map<string, PodWorker>();
  readonly #desired = new Map<string, DesiredPod>();
  readonly #tasks: TaskGroup;
  #isDesiredComplete = false;

  constructor(deps: WorkerDeps, { signal }: { signal: AbortSignal }) {
    this.#deps = deps;
    this.#tasks = new TaskGroup({ signal });
    this.#tasks.run(waitAborted); // there may be no pod for a long time: the group must not be over before it began
    deps.snapshots.onChange(podUID => this.#onRuntimeChange(podUID));
    deps.probes.onChange(podUID => this.#workers.get(podUID)?.wake());
    deps.effects.volumes.onChange(podUID => this.#workers.get(podUID)?.wake());
    deps.effects.volumes.objects.onChange(podUID => this.#workers.get(podUID)?.wake());
  }

  /** Waits until every worker has ended, which is when the signal aborts. */
  async join(): Promise<void> {
    await this.#tasks.join();
  }

  get(podUID: string): PodWorker | undefined {
    return this.#workers.get(podUID);
  }

  /** `namespace/name`, also of a pod that the runtime alone knows, or not yet. */
  describe(podUID: string): string | undefined {
    const { namespace, name } =
      this.#desired.get(podUID)?.pod.metadata ?? this.#deps.snapshots.get(podUID) ?? {};
    return name && `${namespace ?? 'default'}/${name}`;
  }

  desiredPods(): readonly Pod[] {
    return [...this.#desired.values()].map(({ pod }) => pod);
  }

  upsert(asked: DesiredPod): void {
    const podUID = asked.pod.metadata.uid ?? '';
    const desired = markSeen(asked, this.#desired.get(podUID), this.#deps.effects.clock.nowMs());
    this.#desired.set(podUID, desired);
    this.#deps.effects.volumes.updatePod(desired.pod);
    const worker = this.#workers.get(podUID);
    if (worker) worker.setDesired(desired);
    else if (this.#hasWork(desired)) this.#start(podUID, desired);
  }

  remove(podUID: string): void {
    this.#desired.delete(podUID);
    this.#workers.get(podUID)?.setDesired(undefined);
  }

  /** From now on a pod of the runtime that nobody asks for is an orphan and is stopped. */
  completeDesired(): void {
    this.#isDesiredComplete = true;
    for (const { podUID } of this.#deps.snapshots.all()) this.#onRuntimeChange(podUID);
  }

  /** A pod of which neither API nor runtime know, only directories: an agent before this one was killed over it. */
  clearLeftover(podUID: string): void {
    if (this.#workers.has(podUID) || this.#desired.has(podUID) || this.#deps.snapshots.get(podUID)) return;
    this.#deps.effects.logger.info({ podUID }, 'directories of a pod that is gone, removing them');
    this.#start(podUID, undefined);
  }

  // A finished pod of which nothing is left here needs no worker, only the history it has in the API.
  #hasWork({ pod }: DesiredPod): boolean {
    const isOver = isTerminalPhase(pod.status?.phase) && pod.metadata.deletionTimestamp === undefined;
    return !isOver || this.#deps.snapshots.get(pod.metadata.uid ?? '') !== undefined;
  }

  #onRuntimeChange(podUID: string): void {
    const worker = this.#workers.get(podUID);
    if (worker) {
      worker.wake();
      return;
    }
    const observed = this.#deps.snapshots.get(podUID);
    if (!observed || !this.#isDesiredComplete || this.#desired.has(podUID)) return;
    const pod = `${observed.namespace}/${observed.name}`;
    this.#deps.effects.logger.info(
      { pod, podUID },
      'pod is not asked for any more, stopping what is left of it',
    );
    this.#start(podUID, undefined);
  }

  #start(podUID: string, desired: DesiredPod | undefined): void {
    const worker = new PodWorker(podUID, desired, this.#deps);
    this.#workers.set(podUID, worker);
    this.#tasks.run(async signal => {
      await worker.run(signal);
      if (!signal.aborted) this.#finish(podUID);
    });
  }

  #finish(podUID: string): void {
    const { effects, reporter, probes } = this.#deps;
    this.#workers.delete(podUID);
    reporter.forget(podUID);
    probes.remove(podUID);
    effects.volumes.release(podUID);
    effects.images.release(podUID);
    // Asked for again meanwhile (a UID that came back): start over.
    const desired = this.#desired.get(podUID);
    if (desired) this.#start(podUID, desired);
  }
}
