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
import type { ResizeReport } from '../status/status-input.ts';
import { adoptActuated, noteStarted } from './actuated.ts';
import { buildPodLimits } from './build-pod-limits.ts';
import { advanceBackoff, deriveBackoffs } from './crash-backoff.ts';
import { type DesiredPod, isTerminalPhase } from './desired-pod.ts';
import type { PodEffects } from './effects.ts';
import { execute } from './execute.ts';
import { nextLifecycle, nextTermination, type PodLifecycle, shouldTerminate } from './lifecycle.ts';
import { EMPTY_MEMORY, type PodMemory, type PodVerdict, withEntry } from './memory.ts';
import { type ActionOutcome, remember, touchedBy } from './outcome.ts';
import { planPod } from './plan.ts';
import { isResizing } from './plan-resize.ts';
import type { PodAction, PodPlan } from './pod-plan.ts';
import { formatResize } from './resize-events.ts';
import type { StatusReporter } from './status-reporter.ts';
import { measureAction, measurePass } from './worker-metrics.ts';

// A look at a quiet pod that nothing asked for; the runtime's events and the API's watch do the work.
const IDLE_RECHECK_MS = 60_000;
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
  #desired: DesiredPod | undefined;
  /** The object as last seen: its spec is needed for a while after it is gone. */
  #lastPod: Pod | undefined;
  #lifecycle: PodLifecycle = 'syncing';
  #isAdopted = false;
  #memory: PodMemory;
  #interrupt = new AbortController();
  #lastActions: readonly PodAction[] = [];
  #announcedBackoffs = new Map<string, string>();
  #onReleased: () => void = () => undefined;

  /** With a verdict the pod is over before it began. */
  constructor(podUID: string, desired: DesiredPod | undefined, deps: WorkerDeps, verdict?: PodVerdict) {
    this.podUID = podUID;
    this.#memory = { ...EMPTY_MEMORY, verdict, actuated: deps.actuated.get(podUID) };
    this.#desired = desired;
    this.#lastPod = desired?.pod;
    this.#deps = deps;
    const pod = desired ? { pod: podName(desired.pod) } : {};
    this.#effects = { ...deps.effects, logger: deps.effects.logger.child({ ...pod, podUID }) };
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
    this.#announceBackoffs(plan);
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
    this.#advanceCrashBackoffs(actions);
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
    if (pod && outcome.kind === 'resized') {
      this.#effects.logger.info('pod resized');
      this.#effects.events.pod(pod, 'Normal', 'ResizeCompleted', formatResize('completed', pod));
    }
    if (outcome.kind !== 'failed') return;
    const { step, message } = outcome;
    const failures = this.#memory.stepFailures.get(step)?.failures ?? 1;
    // A step that keeps failing is said again at 1, 2, 4, 8 ... failures: heard, but no noise.
    const isNews = Number.isInteger(Math.log2(failures));
    this.#effects.logger[isNews ? 'warn' : 'debug'](
      { action: action.kind, failures, reason: message },
      'pod step failed',
    );
    if ((step === 'stop' || step === 'tearDown') && isNews && this.#lastPod) {
      const text = `error killing pod: ${message}`;
      this.#effects.events.pod(this.#lastPod, 'Warning', 'FailedKillPod', text);
    }
    if (step === 'resize' && isNews && pod) {
      this.#effects.events.pod(pod, 'Warning', 'ResizeError', formatResize('error', pod, message));
    }
  }

  #keep(memory: PodMemory): void {
    const { actuated } = memory;
    if (actuated && actuated !== this.#memory.actuated) this.#deps.actuated.set(this.podUID, actuated);
    this.#memory = memory;
  }

  // Counted when the restart begins, so that a start that fails counts too.
  #advanceCrashBackoffs(actions: readonly PodAction[]): void {
    for (const action of actions) {
      if (action.kind !== 'startContainer') continue;
      const last = this.#observed().containers.find(({ name }) => name === action.containerName);
      if (last?.state !== 'exited') continue;
      const nowMs = this.#effects.clock.nowMs();
      const before = this.#memory.crashBackoffs.get(action.containerName);
      const finishedAtMs = last.finishedAtMs ?? nowMs;
      const next = advanceBackoff(before, finishedAtMs, nowMs, this.#deps.crashBackoffMaxMs);
      const crashBackoffs = withEntry(this.#memory.crashBackoffs, action.containerName, next);
      this.#memory = { ...this.#memory, crashBackoffs };
    }
  }

  #announceBackoffs(plan: PodPlan): void {
    const pod = this.#desired?.pod;
    for (const name of this.#announcedBackoffs.keys()) {
      if (!plan.waiting.has(name)) this.#announcedBackoffs.delete(name);
    }
    for (const [name, { message }] of plan.waiting) {
      if (!pod || this.#announcedBackoffs.get(name) === message) continue;
      this.#announcedBackoffs.set(name, message);
      const { namespace = 'default', uid = '' } = pod.metadata;
      const where = `${name} in pod ${pod.metadata.name}_${namespace}(${uid})`;
      this.#effects.events.container(pod, name)(
        'Warning',
        'BackOff',
        `Back-off restarting failed container ${where}`,
      );
    }
  }

  #resizeReport(pod: Pod, observed: ObservedPod): ResizeReport {
    const { pending, generation } = this.#desired?.resize ?? {};
    const error = this.#memory.stepFailures.get('resize')?.message;
    const isInProgress = this.#lifecycle === 'syncing' && isResizing(pod, observed, this.#memory);
    return { pending, generation, isInProgress, error: isInProgress ? error : undefined };
  }

  async #report(observed: ObservedPod, plan: PodPlan): Promise<void> {
    const pod = this.#desired?.pod;
    if (!pod) return;
    this.#syncProbes(observed);
    const failures = [...this.#memory.startFailures].map(
      ([name, { reason, message }]) => [name, { reason, message }] as const,
    );
    const waiting = new Map([...failures, ...plan.waiting]);
    await this.#deps.reporter.report(pod, observed, {
      waiting,
      verdicts: this.#verdicts(observed),
      verdict: this.#memory.verdict,
      resize: this.#resizeReport(pod, observed),
      actuated: this.#memory.actuated?.containers ?? new Map(),
      areVolumesReady: this.#memory.volumes !== undefined,
      isTerminal: this.#lifecycle === 'terminated',
      isFinished: this.#lifecycle === 'terminated' && this.#memory.isTornDown,
      // What a pod has come to stays: its last status may go while the rest is cleared away.
      isProvisional: plan.actions.length > 0 && this.#lifecycle !== 'terminated',
    });
  }
}

const DEADLINE_EXCEEDED: PodVerdict = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
};

function deadlineAtMs({ spec, status }: Pod): number {
  if (spec.activeDeadlineSeconds === undefined || status?.startTime === undefined)
    return Number.POSITIVE_INFINITY;
  return Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000;
}

/** Runs actions together; each gets a promise for the end of the stops that go before its own. */
async function runInTurn(
  actions: readonly PodAction[],
  run: (action: PodAction, turn: Promise<unknown>) => Promise<void>,
): Promise<void> {
  const orderOf = (action: PodAction): number => (action.kind === 'stopContainer' ? action.order : 0);
  const started: { readonly order: number; readonly done: Promise<void> }[] = [];
  for (const action of actions.toSorted((a, b) => orderOf(a) - orderOf(b))) {
    const order = orderOf(action);
    const earlier = started.filter(other => other.order < order).map(({ done }) => done);
    started.push({ order, done: run(action, Promise.all(earlier)) });
  }
  await Promise.all(started.map(({ done }) => done));
}

function podName({ metadata }: Pod): string {
  return `${metadata.namespace ?? 'default'}/${metadata.name}`;
}
