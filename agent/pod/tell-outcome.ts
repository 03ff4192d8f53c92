// What the owner of a pod and the reader of the journal learn of an action's end.
import type { Pod } from '../api/objects.ts';
import type { PodEffects } from './effects.ts';
import type { ActionOutcome } from './outcome.ts';
import type { PodAction } from './pod-plan.ts';
import { formatResize } from './resize-events.ts';

export interface ToldOutcome {
  readonly action: PodAction;
  readonly outcome: ActionOutcome;
  /** In a row, of the action's step; this one counts. */
  readonly failures: number;
  /** The object as last seen. */
  readonly pod: Pod | undefined;
}

export function tellOutcome(
  told: ToldOutcome,
  { logger, events }: Pick<PodEffects, 'logger' | 'events'>,
): void {
  const { action, outcome, failures, pod } = told;
  if (pod && outcome.kind === 'resized') {
    logger.info('pod resized');
    events.pod(pod, 'Normal', 'ResizeCompleted', formatResize('completed', pod));
  }
  if (outcome.kind !== 'failed') return;
  const { step, message } = outcome;
  // A step that keeps failing is said again at 1, 2, 4, 8 ... failures: heard, but no noise.
  const isNews = Number.isInteger(Math.log2(failures));
  logger[isNews ? 'warn' : 'debug']({ action: action.kind, failures, reason: message }, 'pod step failed');
  if (!isNews || !pod) return;
  if (step === 'stop' || step === 'tearDown')
    events.pod(pod, 'Warning', 'FailedKillPod', `error killing pod: ${message}`);
  if (step === 'resize') events.pod(pod, 'Warning', 'ResizeError', formatResize('error', pod, message));
}
