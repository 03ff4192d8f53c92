// What one worker remembers because no one can be asked for it again. Everything else is re-observed; losing this
// (an agent restart) costs a fresh back-off curve and a repeated, idempotent volume set-up, nothing more.

import type { ImageOutcome } from '../image/image-outcome.ts';
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

export type PodStep = 'sandbox' | 'volumes' | 'stop' | 'tearDown' | 'remove';

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
  readonly areVolumesReady: boolean;
  readonly isTornDown: boolean;
  /** Containers and sandboxes are removed and the directories gone. */
  readonly isRemoved: boolean;
  readonly termination: Termination | undefined;
}

export const EMPTY_MEMORY: PodMemory = {
  stepFailures: new Map(),
  startFailures: new Map(),
  crashBackoffs: new Map(),
  images: new Map(),
  areVolumesReady: false,
  isTornDown: false,
  isRemoved: false,
  termination: undefined,
};
