// How an action ended, and what a worker remembers of it. Pure.

import type { CgroupLimits } from '../host/cgroup-limits.ts';
import type { ImageOutcome } from '../image/image-outcome.ts';
import { doublingDelayMs } from '../lib/backoff.ts';
import type { PodResourceInfo } from '../resources/resource-checkpoint.ts';
import type { RuntimeSubject } from '../runtime/snapshots.ts';
import type { PreparedVolume } from '../volume/volume-manager.ts';
import {
  clearStepFailure,
  noteStepFailure,
  type PodMemory,
  type PodStep,
  type RetryCurve,
  type StartFailure,
  withEntry,
  withoutKey,
} from './memory.ts';
import type { PodAction } from './pod-plan.ts';

export type ActionOutcome =
  /** `touched` is all of the runtime's that it has changed, where the action knows. */
  | { readonly kind: 'done'; readonly touched?: readonly RuntimeSubject[] }
  /** Broken off because the pod's fate changed: nothing to remember, the next plan knows. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'volumesReady'; readonly volumes: ReadonlyMap<string, PreparedVolume> }
  | {
      readonly kind: 'resized';
      readonly actuated: PodResourceInfo;
      readonly cgroupLimits: CgroupLimits;
    }
  | { readonly kind: 'imageKnown'; readonly containerName: string; readonly image: ImageOutcome }
  /** A container was not started; the reason becomes its waiting reason. */
  | {
      readonly kind: 'notStarted';
      readonly containerName: string;
      readonly reason: string;
      readonly message: string;
      /** The step's own idea of when to come back (image back-off); else the start curve decides. */
      readonly retryAtMs?: number;
    }
  | {
      readonly kind: 'failed';
      readonly step: PodStep;
      readonly message: string;
      /** An Event has told it, and the log with it. */
      readonly isTold?: boolean;
      /** A steady pause in place of the step's curve, for what is expected to pass by itself. */
      readonly retryAfterMs?: number;
    };

const STEP_RETRY: Readonly<Record<PodStep, RetryCurve>> = {
  sandbox: { initialMs: 250, maxMs: 15_000 },
  volumes: { initialMs: 1000, maxMs: 15_000 },
  resize: { initialMs: 1000, maxMs: 30_000 },
  stop: { initialMs: 500, maxMs: 30_000 },
  tearDown: { initialMs: 250, maxMs: 30_000 },
  remove: { initialMs: 500, maxMs: 30_000 },
};
const START_RETRY: RetryCurve = { initialMs: 1000, maxMs: 15_000 };

/** What to look at after an action; undefined when only a list can tell. */
export function touchedBy(outcome: ActionOutcome): readonly RuntimeSubject[] | undefined {
  switch (outcome.kind) {
    case 'done':
      return outcome.touched;
    case 'volumesReady':
    case 'imageKnown':
    case 'resized':
      return [];
    case 'interrupted':
    case 'notStarted':
    case 'failed':
      return undefined;
  }
}

/** The pod-wide step an action belongs to; undefined for what concerns one container. */
export function stepOf(action: PodAction): PodStep | undefined {
  switch (action.kind) {
    case 'createSandbox':
      return 'sandbox';
    case 'prepareVolumes':
      return 'volumes';
    case 'resizePod':
      return 'resize';
    case 'stopContainer':
    case 'stopSandbox':
      return 'stop';
    case 'removeVolumes':
    case 'tearDown':
      return 'tearDown';
    case 'removeContainer':
    case 'removeSandbox':
    case 'removePod':
      return 'remove';
    case 'prepareImage':
    case 'startContainer':
      return undefined;
  }
}

export function remember(
  memory: PodMemory,
  action: PodAction,
  outcome: ActionOutcome,
  nowMs: number,
): PodMemory {
  switch (outcome.kind) {
    case 'failed':
      return noteStepFailure(memory, outcome.step, outcome.message, nowMs, retryCurve(outcome));
    case 'volumesReady':
      return { ...clearStepFailure(memory, 'volumes'), volumes: outcome.volumes };
    case 'resized': {
      const { actuated, cgroupLimits } = outcome;
      return { ...clearStepFailure(memory, 'resize'), actuated, cgroupLimits };
    }
    case 'imageKnown':
      return { ...memory, images: withEntry(memory.images, outcome.containerName, outcome.image) };
    case 'notStarted':
      return {
        ...memory,
        images: withoutKey(memory.images, outcome.containerName),
        startFailures: withEntry(
          memory.startFailures,
          outcome.containerName,
          startFailure(memory, outcome, nowMs),
        ),
      };
    case 'interrupted':
      return memory;
    case 'done':
      return rememberDone(memory, action);
  }
}

function retryCurve({ step, retryAfterMs }: ActionOutcome & { kind: 'failed' }): RetryCurve {
  return retryAfterMs === undefined ? STEP_RETRY[step] : { initialMs: retryAfterMs, maxMs: retryAfterMs };
}

function rememberDone(memory: PodMemory, action: PodAction): PodMemory {
  const step = stepOf(action);
  const cleared = step ? clearStepFailure(memory, step) : memory;
  switch (action.kind) {
    case 'removeVolumes':
      return { ...cleared, areVolumesGone: true };
    case 'tearDown':
      return { ...cleared, isTornDown: true, volumes: undefined };
    case 'removePod':
      return { ...cleared, isRemoved: true };
    case 'stopContainer':
      if (!action.isForRestart) return cleared;
      return {
        ...cleared,
        stoppedForRestart: new Set([...memory.stoppedForRestart, action.containerId]),
      };
    case 'startContainer':
      return {
        ...cleared,
        images: withoutKey(memory.images, action.containerName),
        startFailures: withoutKey(memory.startFailures, action.containerName),
      };
    default:
      return cleared;
  }
}

function startFailure(
  memory: PodMemory,
  outcome: ActionOutcome & { kind: 'notStarted' },
  nowMs: number,
): StartFailure {
  const failures = (memory.startFailures.get(outcome.containerName)?.failures ?? 0) + 1;
  return {
    reason: outcome.reason,
    message: outcome.message,
    retryAtMs: outcome.retryAtMs ?? nowMs + doublingDelayMs(START_RETRY, failures),
    failures,
  };
}
