// Which pods go so that a critical one finds room: as few and as unimportant as will do
// (pkg/kubelet/preemption/preemption.go). Pure.

import type { Pod } from '../api/objects.ts';
import type { Shortage } from './plan-admission.ts';
import { isCriticalPod } from './pod-class.ts';
import { buildPodRequests } from './pod-requests.ts';
import { buildQosClass, type QosClass } from './pod-resources.ts';

/** The pods to end; undefined when not even the end of all that may go makes enough room. */
export function planPreemption(
  pod: Pod,
  others: readonly Pod[],
  shortages: readonly Shortage[],
): readonly Pod[] | undefined {
  const candidates = others.filter(other => isPreemptable(pod, other));
  if (remaining(shortages, candidates).length > 0) return undefined;
  const ofClass = (qosClass: QosClass): readonly Pod[] =>
    candidates.filter(({ spec }) => buildQosClass(spec) === qosClass);
  const bestEffort = ofClass('BestEffort');
  const burstable = ofClass('Burstable');
  // Of each class only what is needed even if all of the lower ones went.
  const guaranteed = choose(ofClass('Guaranteed'), remaining(shortages, [...bestEffort, ...burstable]));
  const fromBurstable = choose(burstable, remaining(shortages, [...bestEffort, ...guaranteed]));
  const fromBestEffort = choose(bestEffort, remaining(shortages, [...fromBurstable, ...guaranteed]));
  return [...fromBestEffort, ...fromBurstable, ...guaranteed];
}

function isPreemptable(pod: Pod, other: Pod): boolean {
  if (isCriticalPod(pod) && !isCriticalPod(other)) return true;
  const { priority } = pod.spec;
  return priority !== undefined && other.spec.priority !== undefined && priority > other.spec.priority;
}

// Again and again the pod that comes closest to what is missing, the smaller one of two that come as close.
function choose(pods: readonly Pod[], shortages: readonly Shortage[]): readonly Pod[] {
  const chosen: Pod[] = [];
  let left = [...pods];
  let missing = shortages;
  while (missing.length > 0 && left.length > 0) {
    const [best] = left.toSorted((a, b) => distance(a, missing) - distance(b, missing) || compareSize(a, b));
    if (!best) break;
    chosen.push(best);
    left = left.filter(pod => pod !== best);
    missing = remaining(missing, [best]);
  }
  return chosen;
}

function requestOf(pod: Pod, resource: string): number {
  return resource === 'pods' ? 1 : (buildPodRequests(pod.spec).get(resource) ?? 0);
}

function remaining(shortages: readonly Shortage[], gone: readonly Pod[]): readonly Shortage[] {
  return shortages
    .map(({ resource, amount }) => ({
      resource,
      amount: gone.reduce((left, pod) => left - requestOf(pod, resource), amount),
    }))
    .filter(({ amount }) => amount > 0);
}

// By the share of each resource that would still be missing, so that bytes and millicores weigh the same.
function distance(pod: Pod, shortages: readonly Shortage[]): number {
  return shortages.reduce((sum, { resource, amount }) => {
    const left = Math.max(0, amount - requestOf(pod, resource));
    return sum + (left / amount) ** 2;
  }, 0);
}

function compareSize(a: Pod, b: Pod): number {
  return requestOf(a, 'memory') - requestOf(b, 'memory') || requestOf(a, 'cpu') - requestOf(b, 'cpu');
}
