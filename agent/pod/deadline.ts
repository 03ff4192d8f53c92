// activeDeadlineSeconds counts from status.startTime (pkg/kubelet/active_deadline.go).
import type { Pod } from '../api/objects.ts';
import type { PodVerdict } from './memory.ts';

export const DEADLINE_EXCEEDED: PodVerdict = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
};

/** Infinity for a pod without one, or not started yet. */
export function deadlineAtMs({ spec, status }: Pod): number {
  if (spec.activeDeadlineSeconds === undefined || status?.startTime === undefined)
    return Number.POSITIVE_INFINITY;
  return Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000;
}
