// What the workers would do about one pod from now on. Their own planner is asked, and each of its actions is taken to
// succeed at once, until it has nothing more to do. Pure.
import type { Container } from '../api/objects.ts';
import { deriveBackoffs } from '../pod/crash-backoff.ts';
import type { DesiredPod } from '../pod/desired-pod.ts';
import { nextLifecycle, type PodLifecycle } from '../pod/lifecycle.ts';
import { EMPTY_MEMORY, type PodMemory } from '../pod/memory.ts';
import { buildContainerHash } from '../pod/naming.ts';
import { planPod } from '../pod/plan.ts';
import { isSidecar } from '../pod/pod-containers.ts';
import type { PodAction } from '../pod/pod-plan.ts';
import type { PodResourceInfo } from '../resources/resource-checkpoint.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '../runtime/observed-pod.ts';
import type { ForeseenChange } from './foreseen.ts';

export interface ForeseePodInput {
  /** Undefined: nobody asks for what runs. */
  readonly desired: DesiredPod | undefined;
  readonly observed: ObservedPod;
  /** What its containers were made with. */
  readonly actuated: PodResourceInfo | undefined;
  /** Why it ends, where it does. */
  readonly endReason: string;
  readonly crashBackoffMaxMs: number;
  readonly nowMs: number;
}

// A pod of fifty containers takes about a hundred steps.
const MAX_STEPS = 1_000;

export function foreseePod(input: ForeseePodInput): readonly ForeseenChange[] {
  const model = new PodModel(input);
  for (let step = 0; step < MAX_STEPS && model.step(); step += 1);
  return model.changes();
}

interface Fate {
  readonly change: 'ends' | 'restarts' | 'starts' | 'is resized';
  readonly why: string;
}

class PodModel {
  readonly #input: ForeseePodInput;
  readonly #fates = new Map<string, Fate>();
  #observed: ObservedPod;
  #memory: PodMemory;
  #lifecycle: PodLifecycle = 'syncing';

  constructor(input: ForeseePodInput) {
    this.#input = input;
    this.#observed = input.observed;
    const crashBackoffs = deriveBackoffs(input.observed.containers, input.crashBackoffMaxMs);
    this.#memory = { ...EMPTY_MEMORY, actuated: input.actuated, crashBackoffs };
  }

  /** False when nothing is left to do. */
  step(): boolean {
    const { desired, nowMs } = this.#input;
    const plan = (): ReturnType<typeof planPod> =>
      planPod({
        lifecycle: this.#lifecycle,
        desired,
        observed: this.#observed,
        memory: this.#memory,
        verdicts: this.#verdicts(),
        nowMs,
      });
    const first = plan();
    const next = nextLifecycle(this.#lifecycle, desired, this.#observed, first.isComplete);
    const isChanged = next !== this.#lifecycle;
    this.#lifecycle = next;
    const { actions } = isChanged ? plan() : first;
    for (const action of actions) this.#apply(action);
    return isChanged || actions.length > 0;
  }

  changes(): readonly ForeseenChange[] {
    const { namespace, name } = this.#input.observed;
    return [...this.#fates].map(([container, { change, why }]) => ({
      kind: 'container',
      subject: `${namespace}/${name} ${container}`,
      change,
      why,
      isDisturbing: change === 'ends' || change === 'restarts',
    }));
  }

  /** What runs is taken to be well. */
  #verdicts() {
    const running = this.#observed.containers.filter(({ state }) => state === 'running');
    return new Map(running.map(({ id }) => [id, { startup: 'success', liveness: 'success' } as const]));
  }

  #apply(action: PodAction): void {
    switch (action.kind) {
      case 'startContainer':
        this.#start(action.containerName, action.attempt);
        break;
      case 'stopContainer':
        this.#stop(action);
        break;
      case 'createSandbox':
        this.#setSandboxes([this.#newSandbox(action.attempt), ...this.#observed.sandboxes]);
        break;
      case 'stopSandbox':
        this.#setSandboxes(
          this.#observed.sandboxes.map(one =>
            one.id === action.sandboxId ? { ...one, isReady: false } : one,
          ),
        );
        break;
      case 'removeSandbox':
        this.#setSandboxes(this.#observed.sandboxes.filter(({ id }) => id !== action.sandboxId));
        break;
      case 'removeContainer':
        this.#setContainers(this.#observed.containers.filter(({ id }) => id !== action.containerId));
        break;
      case 'prepareVolumes':
        this.#memory = { ...this.#memory, volumes: new Map() };
        break;
      case 'resizePod':
        this.#resize();
        break;
      case 'removeVolumes':
        this.#memory = { ...this.#memory, areVolumesGone: true };
        break;
      case 'tearDown':
        this.#memory = { ...this.#memory, isTornDown: true };
        break;
      case 'removePod':
        this.#memory = { ...this.#memory, isRemoved: true };
        break;
      case 'prepareImage':
        break; // told with the start that needs it
    }
  }

  #start(name: string, attempt: number): void {
    const { desired, nowMs } = this.#input;
    const spec = desired?.pod.spec;
    const isInit = spec?.initContainers?.some(one => one.name === name && !isSidecar(one)) ?? false;
    const container = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].find(
      one => one.name === name,
    );
    const before = this.#observed.containers.find(one => one.name === name);
    this.#tellStart(name, before);
    this.#setContainers([
      newInstance(container ?? { name, image: '' }, {
        id: `${name}-${attempt}-new`,
        sandboxId: this.#observed.sandboxes[0]?.id ?? '',
        attempt,
        state: isInit ? 'exited' : 'running',
        atMs: nowMs,
      }),
      ...this.#observed.containers.filter(({ state, name: other }) => other !== name || state !== 'created'),
    ]);
  }

  #tellStart(name: string, before: ObservedContainer | undefined): void {
    const known = this.#fates.get(name);
    if (known?.change === 'restarts') return;
    if (known?.change === 'ends') {
      this.#fates.set(name, { change: 'restarts', why: known.why });
      return;
    }
    const why =
      before === undefined
        ? 'it has not run here yet'
        : before.state === 'exited'
          ? `it has ended with exit code ${before.exitCode}`
          : `it is ${before.state}`;
    this.#fates.set(name, { change: 'starts', why });
  }

  #stop({ containerName, containerId, message, isForRestart }: StopAction): void {
    const { desired, endReason } = this.#input;
    const isOver = this.#lifecycle !== 'syncing';
    const why = isOver ? (desired ? 'the pod is over or being deleted' : endReason) : message;
    this.#fates.set(containerName, { change: isForRestart ? 'restarts' : 'ends', why });
    if (isForRestart) {
      const stoppedForRestart = new Set(this.#memory.stoppedForRestart).add(containerId);
      this.#memory = { ...this.#memory, stoppedForRestart, actuated: undefined };
    }
    this.#setContainers(
      this.#observed.containers.map(one =>
        one.id === containerId
          ? { ...one, state: 'exited', exitCode: 137, finishedAtMs: this.#input.nowMs }
          : one,
      ),
    );
  }

  #resize(): void {
    for (const { name, state } of this.#observed.containers) {
      if (state === 'running') this.#fates.set(name, { change: 'is resized', why: 'its resources differ' });
    }
    this.#memory = { ...this.#memory, actuated: undefined };
  }

  #newSandbox(attempt: number): ObservedSandbox {
    const isHostNetwork = this.#input.desired?.pod.spec.hostNetwork === true;
    return {
      id: `sandbox-${attempt}-new`,
      attempt,
      isReady: true,
      createdAtMs: this.#input.nowMs,
      podIPs: isHostNetwork ? [] : ['unknown'],
      isHostNetwork,
      runtimeHandler: '',
    };
  }

  #setSandboxes(sandboxes: readonly ObservedSandbox[]): void {
    this.#observed = { ...this.#observed, sandboxes };
  }

  #setContainers(containers: readonly ObservedContainer[]): void {
    this.#observed = { ...this.#observed, containers };
  }
}

type StopAction = Extract<PodAction, { kind: 'stopContainer' }>;

function newInstance(
  container: Pick<Container, 'name' | 'image'>,
  {
    atMs,
    ...more
  }: Pick<ObservedContainer, 'id' | 'sandboxId' | 'attempt' | 'state'> & { readonly atMs: number },
): ObservedContainer {
  return {
    ...more,
    name: container.name,
    createdAtMs: atMs,
    startedAtMs: atMs,
    finishedAtMs: more.state === 'exited' ? atMs : undefined,
    exitCode: 0,
    reason: '',
    message: '',
    hash: buildContainerHash(container),
    restartCount: more.attempt,
    image: container.image,
    imageRef: '',
    logPath: '',
    terminationGracePeriodSeconds: undefined,
    terminationMessagePolicy: '',
    user: undefined,
    terminationMessageHostPath: undefined,
  };
}
