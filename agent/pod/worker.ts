// One per pod UID, the only place where this pod's actions run: look, decide, report, act, look again.

import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '../api/objects.ts';
import { Backoff } from '../lib/backoff.ts';
import { Wakeup } from '../lib/wakeup.ts';
import type { ContainerVerdicts } from '../probe/container-probes.ts';
import type { ProbeManager } from '../probe/probe-manager.ts';
import type { ResourceCheckpoint } from '../resources/resource-checkpoint.ts';
import { emptyObservedPod, type ObservedPod, readySandbox } from '../runtime/observed-pod.ts';
import type { RuntimeSnapshots, RuntimeSubject } from '../runtime/snapshots.ts';
import { adoptActuated, noteStarted } from './actuated.ts';
import { BackoffAnnouncer } from './backoff-announcer.ts';
import { buildPodLimits } from './build-pod-limits.ts';
import { buildReport } from './build-report.ts';
import { countRestarts, deriveBackoffs } from './crash-backoff.ts';
import { DEADLINE_EXCEEDED, deadlineAtMs } from './deadline.ts';
import { type DesiredPod, isTerminalPhase } from './desired-pod.ts';
import type { PodEffects } from './effects.ts';
import { execute } from './execute.ts';
import { nextLifecycle, nextTermination, type PodLifecycle, shouldTerminate } from './lifecycle.ts';
import { EMPTY_MEMORY, type PodMemory, type PodVerdict } from './memory.ts';
import { fullName } from './naming.ts';
import { type ActionOutcome, remember, touchedBy } from './outcome.ts';
import { planPod } from './plan.ts';
import type { PodAction, PodPlan } from './pod-plan.ts';
import { runInTurn } from './run-in-turn.ts';
import type { StatusReporter } from './status-reporter.ts';
import { tellOutcome } from './tell-outcome.ts';
import { measureAction, measurePass } from './worker-metrics.ts';

// A look at a quiet pod that nothing asked for; the runtime's events and the API's watch do the work.
const IDLE_RECHECK_MS = 180_000;
// Actions that report success without changing what the next plan sees must not spin.
const STANDSTILL = { initialMs: 50, maxMs: 10_000, jitter: 0.2 } as const;

const UNREAD_RETRY_MS = 5000;

export interface WorkerDeps {
  readonly effects: PodEffects;
  readonly snapshots: RuntimeSnapshots;
  readonly reporter: StatusReporter;
  readonly probes: ProbeManager;
  /** What containers were made or updated with, over restarts. */
  readonly actuated: ResourceCheckpoint;
  readonly crashBackoffMaxMs: number;
}

export class PodWorker {
  readonly podUID: string;
  readonly #deps: WorkerDeps;
  readonly #effects: PodEffects;
  readonly #wakeup = new Wakeup();
  readonly #standstill = new Backoff(STANDSTILL);
  readonly #backoffs: BackoffAnnouncer;
  #desired: DesiredPod | undefined;
  /** The object as last seen: its spec is needed for a while after it is gone. */
  #lastPod: Pod | undefined;
  #lifecycle: PodLifecycle = 'syncing';
  #isAdopted = false;
  #memory: PodMemory;
  #interrupt = new AbortController();
  #lastActions: readonly PodAction[] = [];
  #onReleased: () => void = () => undefined;

  /** With a verdict the pod is over before it began. */
  constructor(podUID: string, desired: DesiredPod | undefined, deps: WorkerDeps, verdict?: PodVerdict) {
    this.podUID = podUID;
    this.#memory = { ...EMPTY_MEMORY, verdict, actuated: deps.actuated.get(podUID) };
    this.#desired = desired;
    this.#lastPod = desired?.pod;
    this.#deps = deps;
    const pod = desired ? { pod: fullName(desired.pod) } : {};
    this.#effects = { ...deps.effects, logger: deps.effects.logger.child({ ...pod, podUID }) };
    this.#backoffs = new BackoffAnnouncer(deps.effects.events);
  }

  get lifecycle(): PodLifecycle {
    return this.#lifecycle;
  }

  get memory(): PodMemory {
    return this.#memory;
  }

  /** The object as last seen; undefined for a pod that only the runtime knows. */
  get pod(): Pod | undefined {
    return this.#lastPod;
  }

  /** False once nobody asks for the pod any more and it is only ended. */
  get isWanted(): boolean {
    return this.#desired !== undefined;
  }

  /** Whether requests and host ports of the pod are taken on this node. */
  get holdsResources(): boolean {
    if (this.#lifecycle === 'terminated' || this.#memory.verdict?.isRejection) return false;
    return this.#lifecycle === 'terminating' || !isTerminalPhase(this.#lastPod?.status?.phase);
  }

  /** Called when the pod's resources are free again. */
  onReleased(callback: () => void): void {
    this.#onReleased = callback;
  }

  wake(): void {
    this.#wakeup.wake();
  }

  /** Ends the pod as Failed. The grace, if given, can only shorten the one it would have. */
  end(verdict: PodVerdict, gracePeriodSeconds?: number): void {
    if (this.#lifecycle !== 'syncing' || this.#memory.verdict) return;
    const termination = gracePeriodSeconds === undefined ? undefined : { gracePeriodSeconds };
    this.#memory = { ...this.#memory, verdict, termination: termination ?? this.#memory.termination };
    this.#interrupt.abort();
    this.wake();
  }

  /** Takes the newest object, undefined when it is gone. Breaks off what the change makes pointless. */
  setDesired(desired: DesiredPod | undefined): void {
    this.#desired = desired;
    if (desired) this.#lastPod = desired.pod;
    const before = this.#memory.termination?.gracePeriodSeconds;
    const after = nextTermination(
      this.#memory.termination,
      desired,
      this.#specGraceSeconds(),
    ).gracePeriodSeconds;
    const isToEnd = this.#lifecycle === 'syncing' && shouldTerminate(desired);
    if (isToEnd || (before !== undefined && after < before)) this.#interrupt.abort();
    this.wake();
  }

  /** Returns when nothing of the pod is left and nobody asks for it, or when the agent stops. */
  async run(shutdown: AbortSignal): Promise<void> {
    while (!shutdown.aborted) {
      if (this.#deps.snapshots.isUnread(this.podUID)) {
        await this.#readAgain(shutdown);
        continue;
      }
      const plan = await this.#decide();
      if (this.#memory.isRemoved) return;
      const delayMs = this.#delayMs(plan);
      if (delayMs > 0) await this.#wakeup.wait(delayMs, { signal: shutdown });
      else await measurePass(this.#lifecycle, () => this.#act(plan, shutdown));
    }
  }

  async #readAgain(shutdown: AbortSignal): Promise<void> {
    if (this.#deps.snapshots.isReading) {
      await this.#wakeup.wait(UNREAD_RETRY_MS, { signal: shutdown });
      return;
    }
    try {
      await this.#deps.snapshots.refreshPod(this.podUID, { signal: shutdown });
    } catch (error) {
      if (shutdown.aborted) return;
      this.#effects.logger.warn({ err: error }, 'pod cannot be read from the runtime; it is left as it is');
      await this.#wakeup.wait(UNREAD_RETRY_MS, { signal: shutdown });
    }
  }

  async #decide(): Promise<PodPlan> {
    // Before anything is read: a change that comes while we decide or report must reach the actions.
    this.#interrupt = new AbortController();
    const observed = this.#observed();
    const nowMs = this.#effects.clock.nowMs();
    const before = this.#lifecycle;
    if (!this.#isAdopted) this.#adoptBackoffs(observed);
    if (this.#desired) this.#keep(adoptActuated(this.#memory, this.#desired.pod, observed));
    this.#judgeDeadline(nowMs);
    this.#syncProbes(observed);
    let plan = this.#plan(observed, nowMs);
    const isOver = plan.isComplete || this.#memory.verdict !== undefined;
    const next = nextLifecycle(before, this.#desired, observed, isOver);
    if (next !== before) {
      this.#lifecycle = next;
      if (next === 'terminated') this.#onReleased();
      this.#effects.logger.info(
        { from: before, to: next, reason: this.#endReason(plan) },
        'pod state changed',
      );
    }
    if (next !== 'syncing') {
      const termination = nextTermination(this.#memory.termination, this.#desired, this.#specGraceSeconds());
      this.#memory = { ...this.#memory, termination };
    }
    if (next !== before) plan = this.#plan(observed, nowMs);
    if (this.#desired) this.#backoffs.announce(this.#desired.pod, plan.waiting);
    await this.#report(observed, plan);
    return plan;
  }

  // What runs or has ended already at our first look was started by an agent before us.
  #adoptBackoffs({ containers }: ObservedPod): void {
    this.#isAdopted = true;
    const crashBackoffs = deriveBackoffs(containers, this.#deps.crashBackoffMaxMs);
    this.#memory = { ...this.#memory, crashBackoffs };
  }

  // Before the plan: what the probes of an adopted container say already decides.
  #syncProbes(observed: ObservedPod): void {
    const pod = this.#desired?.pod;
    const { probes } = this.#deps;
    if (!pod || this.#lifecycle === 'terminated') {
      probes.remove(this.podUID);
      return;
    }
    const podIPs = pod.spec.hostNetwork
      ? this.#effects.contexts.nodeIPs()
      : (readySandbox(observed)?.podIPs ?? []);
    probes.sync(pod, observed, { podIPs, isTerminating: this.#lifecycle !== 'syncing' });
  }

  // activeDeadlineSeconds counts from status.startTime (pkg/kubelet/active_deadline.go).
  #judgeDeadline(nowMs: number): void {
    const pod = this.#desired?.pod;
    if (!pod || this.#memory.verdict || this.#lifecycle !== 'syncing') return;
    if (nowMs < deadlineAtMs(pod)) return;
    this.#memory = { ...this.#memory, verdict: DEADLINE_EXCEEDED };
    this.#effects.events.pod(pod, 'Normal', DEADLINE_EXCEEDED.reason, DEADLINE_EXCEEDED.message);
  }

  #plan(observed: ObservedPod, nowMs: number): PodPlan {
    return planPod({
      lifecycle: this.#lifecycle,
      desired: this.#desired,
      observed,
      memory: this.#memory,
      verdicts: this.#verdicts(observed),
      nowMs,
    });
  }

  #verdicts(observed: ObservedPod): ReadonlyMap<string, ContainerVerdicts> {
    const { probes } = this.#deps;
    const running = observed.containers.filter(({ state }) => state === 'running');
    return new Map(running.map(({ id, name }) => [id, probes.verdicts(this.podUID, name, id)]));
  }

  #endReason(plan: PodPlan): string {
    if (!this.#desired) return 'the pod object is gone';
    if (this.#memory.verdict) return this.#memory.verdict.message;
    if (plan.isComplete) return 'all containers have ended';
    if (this.#desired.pod.metadata.deletionTimestamp !== undefined) return 'deletion was asked for';
    return 'the pod is over';
  }

  #observed(): ObservedPod {
    const pod = this.#lastPod;
    return (
      this.#deps.snapshots.get(this.podUID) ??
      emptyObservedPod(this.podUID, pod?.metadata.namespace ?? '', pod?.metadata.name ?? '')
    );
  }

  #specGraceSeconds(): number | undefined {
    return (
      this.#lastPod?.spec.terminationGracePeriodSeconds ??
      this.#observed().containers[0]?.terminationGracePeriodSeconds
    );
  }

  // How long to wait before the plan is carried out; 0 is now.
  #delayMs(plan: PodPlan): number {
    if (plan.actions.length === 0) {
      this.#lastActions = [];
      this.#standstill.reset();
      const pod = this.#lifecycle === 'syncing' ? this.#desired?.pod : undefined;
      const deadlineMs = pod ? deadlineAtMs(pod) : Number.POSITIVE_INFINITY;
      const dueAtMs = Math.min(plan.recheckAtMs ?? Number.POSITIVE_INFINITY, deadlineMs);
      const dueMs = dueAtMs - this.#effects.clock.nowMs();
      return Math.max(1, Math.min(IDLE_RECHECK_MS, dueMs));
    }
    const isStandstill = isDeepStrictEqual(plan.actions, this.#lastActions);
    this.#lastActions = isStandstill ? [] : plan.actions;
    if (!isStandstill) return 0;
    return this.#standstill.nextMs();
  }

  async #act(plan: PodPlan, shutdown: AbortSignal): Promise<void> {
    const { actions } = plan;
    const interrupt = AbortSignal.any([shutdown, this.#interrupt.signal]);
    const target = {
      pod: this.#desired?.pod ?? this.#lastPod,
      observed: this.#observed(),
      memory: this.#memory,
    };
    this.#effects.logger.debug({ actions }, 'plan');
    this.#memory = {
      ...this.#memory,
      crashBackoffs: countRestarts(this.#memory.crashBackoffs, actions, target.observed, {
        nowMs: this.#effects.clock.nowMs(),
        maxMs: this.#deps.crashBackoffMaxMs,
      }),
    };
    const touched: (readonly RuntimeSubject[] | undefined)[] = [];
    const work = runInTurn(actions, async (action, turn) => {
      const outcome = await measureAction(target.pod, action, () =>
        execute(action, { ...target, turn }, this.#effects, { shutdown, interrupt }),
      );
      this.#note(action, outcome, target.pod);
      touched.push(touchedBy(outcome));
    });
    await this.#reportUntil(work, plan, shutdown);
    await this.#look(touched, shutdown);
  }

  // Only at what the actions changed, where each of them knows: that is most of what there is to look at.
  async #look(
    touched: readonly (readonly RuntimeSubject[] | undefined)[],
    shutdown: AbortSignal,
  ): Promise<void> {
    const { snapshots } = this.#deps;
    const known = touched.filter(subjects => subjects !== undefined);
    try {
      if (known.length < touched.length) await snapshots.refreshPod(this.podUID, { signal: shutdown });
      else await snapshots.refreshSubjects(this.podUID, known.flat(), { signal: shutdown });
    } catch (error) {
      if (shutdown.aborted) return;
      // The event stream notices a runtime that is away, relists when it is back and wakes everybody.
      this.#effects.logger.debug({ err: error }, 'pod not read from the runtime after an action');
    }
  }

  // A pull or a stop may take minutes; what happens to the pod's other containers meanwhile is told all the same.
  async #reportUntil(work: Promise<void>, plan: PodPlan, shutdown: AbortSignal): Promise<void> {
    const done = new AbortController();
    const finished = work.finally(() => done.abort());
    while (!done.signal.aborted && !shutdown.aborted) {
      await this.#wakeup.wait(IDLE_RECHECK_MS, { signal: AbortSignal.any([done.signal, shutdown]) });
      if (!done.signal.aborted && !shutdown.aborted) await this.#report(this.#observed(), plan);
    }
    await finished;
  }

  #note(action: PodAction, outcome: ActionOutcome, pod: Pod | undefined): void {
    let memory = remember(this.#memory, action, outcome, this.#effects.clock.nowMs());
    if (pod && action.kind === 'startContainer') memory = noteStarted(memory, pod, action.containerName);
    if (pod && action.kind === 'createSandbox' && outcome.kind !== 'failed') {
      memory = { ...memory, cgroupLimits: buildPodLimits(pod) };
    }
    this.#keep(memory);
    const failures = outcome.kind === 'failed' ? (memory.stepFailures.get(outcome.step)?.failures ?? 1) : 0;
    tellOutcome({ action, outcome, failures, pod }, this.#effects);
  }

  #keep(memory: PodMemory): void {
    const { actuated } = memory;
    if (actuated && actuated !== this.#memory.actuated) this.#deps.actuated.set(this.podUID, actuated);
    this.#memory = memory;
  }

  async #report(observed: ObservedPod, plan: PodPlan): Promise<void> {
    const pod = this.#desired?.pod;
    if (!pod) return;
    this.#syncProbes(observed);
    const state = {
      lifecycle: this.#lifecycle,
      memory: this.#memory,
      resize: this.#desired?.resize,
      verdicts: this.#verdicts(observed),
    };
    await this.#deps.reporter.report(pod, observed, buildReport(pod, observed, plan, state));
  }
}
