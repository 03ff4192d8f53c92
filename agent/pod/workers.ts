// The pods of this node: what API and static sources ask for on one side, what the runtime shows on the other, and in
// between who is let in; a worker for each.

import type { Pod } from '../api/objects.ts';
import { waitAborted } from '../lib/abort.ts';
import { Listeners } from '../lib/listeners.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { isStaticPod } from '../resources/pod-class.ts';
import { isFullyStopped } from '../runtime/observed-pod.ts';
import type { PodAdmission } from './admission.ts';
import { type DesiredPod, isTerminalPhase } from './desired-pod.ts';
import type { PodVerdict } from './memory.ts';
import { fullName } from './naming.ts';
import type { StaticPod } from './plan-mirrors.ts';
import { compareResizes, isGrowing, type PodAllocator } from './pod-allocator.ts';
import { markSeen } from './seen-pod.ts';
import { PodWorker, type WorkerDeps } from './worker.ts';

export interface PodWorkersDeps extends WorkerDeps {
  readonly admission: PodAdmission;
  readonly allocator: PodAllocator;
}

/** Whose list of pods is complete: the API server's, or that of the node's own files and URL. */
export type SourceGroup = 'api' | 'static';
const ALL_GROUPS = 2;

const PREEMPTED: PodVerdict = {
  reason: 'Preempting',
  message: 'Preempted in order to admit critical pod',
  disruption: 'Pod was preempted by Kubelet to accommodate a critical pod.',
};

export class PodWorkers {
  readonly #deps: PodWorkersDeps;
  readonly #workers = new Map<string, PodWorker>();
  readonly #asked = new Map<string, DesiredPod>();
  /** As asked, but with the resources that were given. */
  readonly #desired = new Map<string, DesiredPod>();
  /** Asked for and not let in yet: our Node is unknown, others have to end first. In the order they came. */
  readonly #held = new Set<string>();
  readonly #listeners = new Listeners<[podUID: string]>();
  readonly #complete = new Set<SourceGroup>();
  readonly #tasks: TaskGroup;

  constructor(deps: PodWorkersDeps, { signal }: { signal: AbortSignal }) {
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

  /** Called when a pod was let in, ended or came back; it only wakes somebody. */
  onChange(listener: (podUID: string) => void): () => void {
    return this.#listeners.add(listener);
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

  /** The pods that hold resources of this node: let in and not over. */
  activePods(): readonly Pod[] {
    return this.desiredPods().filter(pod => {
      const worker = this.#workers.get(pod.metadata.uid ?? '');
      return worker?.holdsResources === true;
    });
  }

  /** Their mirrors have changed: there may be a status to write. */
  wakeStaticPods(): void {
    for (const worker of this.#workers.values()) if (worker.pod && isStaticPod(worker.pod)) worker.wake();
  }

  /** Every manifest of the node was read at least once. */
  get knowsStaticPods(): boolean {
    return this.#complete.has('static');
  }

  /** Static pods that run or are being ended. */
  staticPods(): readonly StaticPod[] {
    return [...this.#workers.values()].flatMap(({ pod, isWanted }) =>
      pod && isStaticPod(pod) ? [{ pod, isWanted }] : [],
    );
  }

  upsert(asked: DesiredPod): void {
    const podUID = asked.pod.metadata.uid ?? '';
    const desired = markSeen(asked, this.#asked.get(podUID), this.#deps.effects.clock.nowMs());
    this.#asked.set(podUID, desired);
    this.#deps.effects.volumes.updatePod(desired.pod);
    if (this.#workers.has(podUID)) {
      this.#give(podUID, desired);
      return;
    }
    this.#desired.set(podUID, desired);
    if (this.#hasWork(desired)) this.#letIn(podUID);
  }

  /** A whole list: what runs here already before what has to find room beside it. */
  upsertAll(asked: readonly DesiredPod[]): void {
    const rank = (desired: DesiredPod): number => (this.#isKnownHere(desired) ? 0 : 1);
    const created = ({ pod }: DesiredPod): string => pod.metadata.creationTimestamp ?? '';
    const byAge = (a: DesiredPod, b: DesiredPod): number =>
      created(a) === created(b) ? 0 : created(a) < created(b) ? -1 : 1;
    for (const desired of asked.toSorted((a, b) => rank(a) - rank(b) || byAge(a, b))) this.upsert(desired);
  }

  remove(podUID: string): void {
    this.#asked.delete(podUID);
    this.#desired.delete(podUID);
    this.#deps.allocator.forget(podUID);
    this.#held.delete(podUID);
    this.#workers.get(podUID)?.setDesired(undefined);
    this.#tell(podUID);
  }

  /** Ends a pod on the node's own account, as Failed with this reason. */
  end(podUID: string, verdict: PodVerdict, gracePeriodSeconds?: number): void {
    this.#workers.get(podUID)?.end(verdict, gracePeriodSeconds);
  }

  /** From now on a pod of the runtime that nobody asks for is an orphan and is stopped. */
  completeDesired(group: SourceGroup): void {
    this.#complete.add(group);
    this.reconsider();
    if (this.#complete.size === ALL_GROUPS) this.#forgetOthers();
    for (const { podUID } of this.#deps.snapshots.all()) this.#onRuntimeChange(podUID);
  }

  #forgetOthers(): void {
    const known = new Set([...this.#desired.keys(), ...this.#workers.keys()]);
    this.#deps.allocator.retain(known);
    this.#deps.actuated.retain(known);
  }

  /** Our Node has changed, or a pod has ended: who waited may be let in now. */
  reconsider(): void {
    const waiting = [...this.#asked].filter(([podUID, asked]) => {
      const given = this.#desired.get(podUID)?.pod;
      return this.#workers.has(podUID) && given !== undefined && given !== asked.pod;
    });
    for (const [podUID, asked] of waiting.toSorted(([, a], [, b]) => compareResizes(a, b))) {
      this.#give(podUID, asked);
    }
    for (const podUID of this.#held) this.#letIn(podUID);
  }

  /** A pod of which neither API nor runtime know, only directories: an agent before this one was killed over it. */
  clearLeftover(podUID: string): void {
    if (this.#workers.has(podUID) || this.#desired.has(podUID) || this.#deps.snapshots.knows(podUID)) return;
    this.#deps.effects.logger.info({ podUID }, 'directories of a pod that is gone, removing them');
    this.#start(podUID, undefined);
  }

  // A finished pod of which nothing is left here needs no worker, only the history it has in the API.
  #hasWork({ pod }: DesiredPod): boolean {
    const isOver = isTerminalPhase(pod.status?.phase) && pod.metadata.deletionTimestamp === undefined;
    return !isOver || this.#deps.snapshots.knows(pod.metadata.uid ?? '');
  }

  // Let in once is let in for good, also by an agent before this one: the runtime has it, or the status its start.
  #isKnownHere({ pod }: DesiredPod): boolean {
    const { startTime, phase } = pod.status ?? {};
    const isOver = pod.metadata.deletionTimestamp !== undefined || isTerminalPhase(phase);
    return isOver || startTime !== undefined || this.#deps.snapshots.knows(pod.metadata.uid ?? '');
  }

  #letIn(podUID: string): void {
    const desired = this.#desired.get(podUID);
    if (!desired || this.#workers.has(podUID)) {
      this.#held.delete(podUID);
      return;
    }
    this.#held.add(podUID);
    if (this.#isKnownHere(desired)) this.#admit(podUID, desired);
    else if (!this.#hasNamesake(desired.pod)) this.#judge(podUID, desired);
  }

  #judge(podUID: string, desired: DesiredPod, isNodeFresh = false): void {
    const decision = this.#deps.admission.judge(desired.pod, this.activePods());
    switch (decision.kind) {
      case 'unknown':
        return;
      case 'admitted':
        this.#admit(podUID, desired);
        return;
      case 'preempt':
        for (const victim of decision.victims) this.#preempt(victim, desired.pod);
        return;
      case 'rejected':
        if (decision.rejection.reason === 'NodeAffinity' && !isNodeFresh) this.#judgeAgain(podUID);
        else this.#reject(podUID, desired, decision.rejection);
    }
  }

  #admit(podUID: string, desired: DesiredPod): void {
    this.#held.delete(podUID);
    this.#deps.allocator.allocate(desired.pod, { isKnownHere: this.#isKnownHere(desired) });
    this.#start(podUID, this.#give(podUID, desired));
  }

  // Hands the pod to its worker, with the resources it is given. Before all pods are known nobody gets more than he had.
  #give(podUID: string, asked: DesiredPod): DesiredPod {
    const before = this.#desired.get(podUID);
    const others = this.#complete.has('api')
      ? this.activePods().filter(({ metadata }) => metadata.uid !== podUID)
      : undefined;
    const desired = this.#deps.allocator.apply(asked, before?.resize, others);
    this.#desired.set(podUID, desired);
    this.#workers.get(podUID)?.setDesired(desired);
    // Who takes less leaves room for those who wait.
    if (before && isGrowing(before.pod, desired.pod)) this.reconsider();
    if (before?.pod.spec !== desired.pod.spec) this.#tell(podUID);
    return desired;
  }

  #reject(
    podUID: string,
    desired: DesiredPod,
    { reason, message }: { reason: string; message: string },
  ): void {
    this.#held.delete(podUID);
    const { events } = this.#deps.effects;
    events.pod(desired.pod, 'Warning', reason, message);
    const verdict = { reason, message: `Pod was rejected: ${message}`, isRejection: true };
    this.#start(podUID, desired, verdict);
  }

  #preempt(victim: Pod, critical: Pod): void {
    const { events, logger } = this.#deps.effects;
    const worker = this.#workers.get(victim.metadata.uid ?? '');
    if (!worker || worker.lifecycle !== 'syncing' || worker.memory.verdict) return; // it goes already
    logger.warn(
      { pod: fullName(victim), reason: PREEMPTED.reason, criticalPod: fullName(critical) },
      'pod makes room',
    );
    events.pod(victim, 'Warning', PREEMPTED.reason, PREEMPTED.message);
    worker.end(PREEMPTED);
  }

  #judgeAgain(podUID: string): void {
    this.#tasks.run(async signal => {
      try {
        await this.#deps.admission.refreshNode({ signal });
      } catch (error) {
        if (signal.aborted) return;
        this.#deps.effects.logger.debug({ err: error }, 'node not read again, judging by what is known');
      }
      const desired = this.#desired.get(podUID);
      if (desired && this.#held.has(podUID)) this.#judge(podUID, desired, true);
    });
  }

  // A static pod's next version waits until the one before is over: both have the same name, and its ports.
  #hasNamesake(pod: Pod): boolean {
    if (!isStaticPod(pod)) return false;
    const { name, namespace, uid } = pod.metadata;
    const isRunning = [...this.#deps.snapshots.all()].some(
      other =>
        other.podUID !== uid &&
        other.name === name &&
        other.namespace === namespace &&
        !isFullyStopped(other),
    );
    const statics = this.staticPods().map(other => other.pod);
    return (
      isRunning || statics.some(other => other.metadata.uid !== uid && fullName(other) === fullName(pod))
    );
  }

  #onRuntimeChange(podUID: string): void {
    const worker = this.#workers.get(podUID);
    if (worker) {
      worker.wake();
      return;
    }
    const observed = this.#deps.snapshots.get(podUID);
    if (!observed || this.#desired.has(podUID)) return;
    if (!this.#complete.has(observed.isStatic ? 'static' : 'api')) return;
    const pod = `${observed.namespace}/${observed.name}`;
    this.#deps.effects.logger.info(
      { pod, podUID },
      'pod is not asked for any more, stopping what is left of it',
    );
    this.#start(podUID, undefined);
  }

  #start(podUID: string, desired: DesiredPod | undefined, verdict?: PodVerdict): void {
    const worker = new PodWorker(podUID, desired, this.#deps, verdict);
    this.#workers.set(podUID, worker);
    worker.onReleased(() => this.reconsider());
    this.#tasks.run(async signal => {
      await worker.run(signal);
      if (!signal.aborted) this.#finish(podUID);
    });
    this.#tell(podUID);
  }

  #finish(podUID: string): void {
    const { effects, reporter, probes } = this.#deps;
    this.#workers.delete(podUID);
    reporter.forget(podUID);
    this.#deps.actuated.remove(podUID);
    probes.remove(podUID);
    effects.volumes.release(podUID);
    effects.images.release(podUID);
    // Asked for again meanwhile (a UID that came back): start over.
    const desired = this.#desired.get(podUID);
    if (desired) this.#start(podUID, desired);
    this.reconsider();
    this.#tell(podUID);
  }

  #tell(podUID: string): void {
    this.#listeners.tell(podUID);
  }
}
