// What a worker knows, as the status is made of it. Pure.
import type { Pod } from '../api/objects.ts';
import type { ContainerVerdicts } from '../probe/container-probes.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import type { ResizeReport } from '../status/status-input.ts';
import type { DesiredPod } from './desired-pod.ts';
import type { PodLifecycle } from './lifecycle.ts';
import type { PodMemory } from './memory.ts';
import { isResizing } from './plan-resize.ts';
import type { PodPlan } from './pod-plan.ts';
import type { PodReport } from './status-reporter.ts';

export interface ReportedState {
  readonly lifecycle: PodLifecycle;
  readonly memory: PodMemory;
  readonly resize: DesiredPod['resize'];
  readonly verdicts: ReadonlyMap<string, ContainerVerdicts>;
}

export function buildReport(pod: Pod, observed: ObservedPod, plan: PodPlan, state: ReportedState): PodReport {
  const { lifecycle, memory, verdicts } = state;
  const failures = [...memory.startFailures].map(
    ([name, { reason, message }]) => [name, { reason, message }] as const,
  );
  const isTerminal = lifecycle === 'terminated';
  return {
    waiting: new Map([...failures, ...plan.waiting]),
    verdicts,
    verdict: memory.verdict,
    resize: buildResizeReport(pod, observed, state),
    actuated: memory.actuated?.containers ?? new Map(),
    areVolumesReady: memory.volumes !== undefined,
    isTerminal,
    isFinished: isTerminal && memory.isTornDown,
    // What a pod has come to stays: its last status may go while the rest is cleared away.
    isProvisional: plan.actions.length > 0 && !isTerminal,
  };
}

function buildResizeReport(
  pod: Pod,
  observed: ObservedPod,
  { lifecycle, memory, resize }: ReportedState,
): ResizeReport {
  const isInProgress = lifecycle === 'syncing' && isResizing(pod, observed, memory);
  const error = isInProgress ? memory.stepFailures.get('resize')?.message : undefined;
  return { pending: resize?.pending, generation: resize?.generation, isInProgress, error };
}
