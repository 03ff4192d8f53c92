// What one worker remembers because no one can be asked for it again. Everything else is re-observed; losing this
// (an agent restart) costs a repeated, idempotent volume set-up and fresh curves of failed steps, nothing more; the crash
// back-off is derived again from what the runtime shows.

import type { CgroupLimits } from '../host/cgroup-limits.ts';
import type { ImageOutcome } from '../image/image-outcome.ts';
import { doublingDelayMs } from '../lib/backoff.ts';
import type { PodResourceInfo } from '../resources/resource-checkpoint.ts';
import type { PreparedVolume } from '../volume/volume-manager.ts';
import type { CrashBackoff } from './crash-backoff.ts';

/** Why a container does not run, as it stands in ContainerStateWaiting. */
export interface WaitingReason {
  readonly reason: string;
  readonly message: string;
}

export interface StartFailure extends WaitingReason {
  readonly retryAtMs: number;
  readonly failures: number;
}

/** A step for the whole pod (sandbox, volumes, tear-down ...) that failed and when it is tried again. */
export interface StepFailure {
  readonly message: string;
  readonly retryAtMs: number;
  readonly failures: number;
}

export type PodStep = 'sandbox' | 'volumes' | 'resize' | 'stop' | 'tearDown' | 'remove';

export interface Termination {
  /** Effective grace; it can only shrink (pkg/kubelet/pod_workers.go calculateEffectiveGracePeriod). */
  readonly gracePeriodSeconds: number;
}

export interface PodMemory {
  readonly stepFailures: ReadonlyMap<PodStep, StepFailure>;
  readonly startFailures: ReadonlyMap<string, StartFailure>;
  readonly crashBackoffs: ReadonlyMap<string, CrashBackoff>;
  /** Outcomes of image checks that ran beside the sandbox's creation, used up by the container's start. */
  readonly images: ReadonlyMap<string, ImageOutcome>;
  /** By volume name; undefined until they were set up in this agent's life. */
  readonly volumes: ReadonlyMap<string, PreparedVolume> | undefined;
  readonly areVolumesGone: boolean;
  /** The resources that the containers were made or updated with; kept in a checkpoint too. */
  readonly actuated: PodResourceInfo | undefined;
  /** Of the pod's cgroup, since this agent wrote them. */
  readonly cgroupLimits: CgroupLimits | undefined;
  readonly isTornDown: boolean;
  /** Containers and sandboxes are removed and the directories gone. */
  readonly isRemoved: boolean;
  readonly termination: Termination | undefined;
  /** IDs of containers we stopped so that they run again: their exit code decides nothing. */
  readonly stoppedForRestart: ReadonlySet<string>;
  /** Why the node ended the pod on its own account (deadline, admission, eviction). */
  readonly verdict: PodVerdict | undefined;
}

/** Becomes the pod's phase Failed with this reason and message. */
export interface PodVerdict {
  readonly reason: string;
  readonly message: string;
  /** The node never took the pod: its containers have no status. */
  readonly isRejection?: boolean;
  /** Message of the condition DisruptionTarget, for a pod that others need the place of. */
  readonly disruption?: string;
}

export const EMPTY_MEMORY: PodMemory = {
  stepFailures: new Map(),
  startFailures: new Map(),
  crashBackoffs: new Map(),
  images: new Map(),
  volumes: undefined,
  actuated: undefined,
  cgroupLimits: undefined,
  areVolumesGone: false,
  isTornDown: false,
  isRemoved: false,
  termination: undefined,
  stoppedForRestart: new Set(),
  verdict: undefined,
};

export interface RetryCurve {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Counts a pod-wide failure and says when to try again. */
export function noteStepFailure(
  memory: PodMemory,
  step: PodStep,
  message: string,
  nowMs: number,
  curve: RetryCurve,
): PodMemory {
  const failures = (memory.stepFailures.get(step)?.failures ?? 0) + 1;
  const retryAtMs = nowMs + doublingDelayMs(curve, failures);
  return { ...memory, stepFailures: withEntry(memory.stepFailures, step, { message, retryAtMs, failures }) };
}

export function clearStepFailure(memory: PodMemory, step: PodStep): PodMemory {
  if (!memory.stepFailures.has(step)) return memory;
  return { ...memory, stepFailures: withoutKey(memory.stepFailures, step) };
}

export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

export function withoutKey<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
