// What the owner of a pod and the reader of the journal learn of an action's end.
import type { Pod } from '../api/objects.ts';
import type { PodEffects } from './effects.ts';
import type { PodStep } from './memory.ts';
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
  const event = pod && eventOf(step, message, pod);
  const isTold = outcome.isTold === true || event !== undefined;
  const fields = { action: action.kind, failures, reason: message };
  logger[isNews && !isTold ? 'warn' : 'debug'](fields, 'pod step failed');
  if (isNews && event) events.pod(pod, 'Warning', event.reason, event.message);
}

function eventOf(step: PodStep, message: string, pod: Pod): { reason: string; message: string } | undefined {
  switch (step) {
    case 'stop':
    case 'tearDown':
      return { reason: 'FailedKillPod', message: `error killing pod: ${message}` };
    case 'resize':
      return { reason: 'ResizeError', message: formatResize('error', pod, message) };
    case 'sandbox':
    case 'volumes':
    case 'remove':
      return undefined;
  }
}
