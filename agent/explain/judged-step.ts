// What an explanation is made from, and one step of it. Pure.
import type { DesiredPod } from '../pod/desired-pod.ts';
import type { PodLifecycle } from '../pod/lifecycle.ts';
import type { PodMemory } from '../pod/memory.ts';
import type { RecentWarning } from '../pod/recent-warnings.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import type { Blocker, ExplainedStep } from './explanation.ts';

export interface ExplainInput {
  /** With the newest status. */
  readonly pod: DesiredPod['pod'];
  readonly observed: ObservedPod | undefined;
  readonly lifecycle: PodLifecycle | undefined;
  readonly memory: PodMemory;
  /** Newest first. */
  readonly warnings: readonly RecentWarning[];
  readonly nodeProblems: readonly string[];
  readonly nowMs: number;
}

/** One step, with what blocks it when it is blocked. */
export interface JudgedStep {
  readonly step: ExplainedStep;
  readonly blocker?: Omit<Blocker, 'step'> | undefined;
}

export function done(name: string, detail: string, atMs?: number): JudgedStep {
  return { step: { name, state: 'done', detail, ...(atMs ? { atMs } : {}) } };
}

export function waiting(name: string, detail: string): JudgedStep {
  return { step: { name, state: 'waiting', detail } };
}

export function blocked(name: string, detail: string, blocker: Omit<Blocker, 'step'>): JudgedStep {
  return { step: { name, state: 'blocked', detail }, blocker };
}

/** Milliseconds of a metav1.Time; undefined when there is none. */
export function timeOf(time: string | undefined | null): number | undefined {
  return time ? Date.parse(time) : undefined;
}
