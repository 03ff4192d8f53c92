// What each pod is given: what its spec asks for when it is let in, and later what it asks for anew as soon as there is
// room (pkg/kubelet/allocation). Everything else on the node goes by this, not by the spec.

import type { Pod } from '../api/objects.ts';
import type { Logger } from '../lib/logger.ts';
import { allocationFromStatus, allocationOf, withAllocation } from '../resources/allocation.ts';
import { isStaticPod } from '../resources/pod-class.ts';
import { buildPodResources, buildQosClass } from '../resources/pod-resources.ts';
import type { ResourceCheckpoint } from '../resources/resource-checkpoint.ts';
import { findSwapRefusal } from '../resources/swap-limit.ts';
import type { PodAdmission } from './admission.ts';
import type { DesiredPod, ResizeDecision, ResizePending } from './desired-pod.ts';
import { fullName } from './naming.ts';
import type { PodEvents } from './pod-events.ts';
import { formatResize } from './resize-events.ts';

export interface PodAllocatorDeps {
  readonly allocated: ResourceCheckpoint;
  readonly admission: PodAdmission;
  /** Containers may swap by their memory requests (LimitedSwap). */
  readonly isSwapShared: boolean;
  readonly events: PodEvents;
  readonly logger: Logger;
}

export class PodAllocator {
  readonly #deps: PodAllocatorDeps;

  constructor(deps: PodAllocatorDeps) {
    this.#deps = deps;
  }

  /** A pod is let in. One that was here before an agent's restart keeps what it had. */
  allocate(pod: Pod, { isKnownHere }: { readonly isKnownHere: boolean }): void {
    const { allocated } = this.#deps;
    const uid = pod.metadata.uid ?? '';
    const before = isKnownHere ? (allocated.get(uid) ?? allocationFromStatus(pod)) : undefined;
    allocated.set(uid, before ?? allocationOf(pod));
  }

  /**
   * The pod as it is to run, which is as asked if it has that already or there is room for it beside the others. While
   * those are not all known it stays as it is.
   */
  apply(
    asked: DesiredPod,
    before: ResizeDecision | undefined,
    others: readonly Pod[] | undefined,
  ): DesiredPod {
    const { allocated } = this.#deps;
    const uid = asked.pod.metadata.uid ?? '';
    const given = withAllocation(asked.pod, allocated.get(uid));
    const { generation } = before ?? {};
    const decided = generation === undefined ? {} : { generation };
    if (given === asked.pod) return { ...asked, resize: decided };
    if (!others && !isStaticPod(given)) return { ...asked, pod: given, resize: pendingAsTold(asked.pod) };
    // A static pod's file is the word of the node's owner: no room is a matter of its next start.
    const pending = isStaticPod(given) ? undefined : this.#findPending(asked.pod, given, others ?? []);
    if (pending === undefined) return this.#give(asked);
    if (before?.pending?.message !== pending.message) this.#tellPending(asked.pod, pending);
    return { ...asked, pod: given, resize: { ...decided, pending } };
  }

  /** All pods are known: what is kept of others is of no use. */
  retain(podUIDs: ReadonlySet<string>): void {
    this.#deps.allocated.retain(podUIDs);
  }

  forget(podUID: string): void {
    this.#deps.allocated.remove(podUID);
  }

  #findPending(asked: Pod, given: Pod, others: readonly Pod[]): ResizePending | undefined {
    const impossible = this.#deps.isSwapShared ? findSwapRefusal(asked, given) : undefined;
    if (impossible !== undefined) return { reason: 'Infeasible', message: impossible };
    const refusal = this.#findRefusal(asked, others);
    return refusal === undefined ? undefined : { reason: 'Deferred', message: refusal };
  }

  #findRefusal(pod: Pod, others: readonly Pod[]): string | undefined {
    const decision = this.#deps.admission.judge(pod, others);
    switch (decision.kind) {
      case 'admitted':
        return undefined;
      case 'rejected':
        return decision.rejection.message;
      case 'preempt': // who runs already ends nobody else's pod to grow
        return decision.rejection.message;
      case 'unknown':
        return 'Kubelet cannot get node info.';
    }
  }

  #give(asked: DesiredPod): DesiredPod {
    const { allocated, events, logger } = this.#deps;
    const { pod } = asked;
    allocated.set(pod.metadata.uid ?? '', allocationOf(pod));
    logger.info(logFields(pod), 'pod resize started');
    events.pod(pod, 'Normal', 'ResizeStarted', formatResize('started', pod));
    const { generation } = pod.metadata;
    return { ...asked, resize: generation === undefined ? {} : { generation } };
  }

  #tellPending(pod: Pod, { reason, message }: ResizePending): void {
    const { events, logger } = this.#deps;
    const what = reason === 'Deferred' ? 'pod resize deferred' : 'pod resize is not possible';
    logger.warn({ ...logFields(pod), reason: message }, what);
    events.pod(pod, 'Warning', `Resize${reason}`, formatResize(reason, pod, message));
  }
}

// After a restart: what was said of it still holds until it is looked at again.
function pendingAsTold({ status }: Pod): ResizeDecision {
  const told = status?.conditions?.find(({ type }) => type === 'PodResizePending');
  const reason = told?.reason === 'Infeasible' ? 'Infeasible' : 'Deferred';
  return told ? { pending: { reason, message: told.message ?? '' } } : {};
}

/** Who is served first when there is room again: the more important, then the guaranteed. */
export function compareResizes(a: DesiredPod, b: DesiredPod): number {
  const rank = ({ pod }: DesiredPod): number => (buildQosClass(pod.spec) === 'Guaranteed' ? 0 : 1);
  const priority = ({ pod }: DesiredPod): number => pod.spec.priority ?? 0;
  return priority(b) - priority(a) || rank(a) - rank(b);
}

/** True when the pod asks for more than it has. */
export function isGrowing(asked: Pod, given: Pod): boolean {
  const [to, from] = [buildPodResources(asked.spec).requests, buildPodResources(given.spec).requests];
  return to.cpuMilli > from.cpuMilli || to.memoryBytes > from.memoryBytes;
}

function logFields(pod: Pod): { readonly pod: string; readonly podUID: string | undefined } {
  return { pod: fullName(pod), podUID: pod.metadata.uid };
}
