// The node's word on pods it has not run yet: the pure checks with what node and kernel say now.

import type { Node, Pod } from '../api/objects.ts';
import { pathExists } from '../lib/if-there.ts';
import { planAdmission, type Rejection } from '../resources/plan-admission.ts';
import { planPreemption } from '../resources/plan-preemption.ts';
import { isStaticPod } from '../resources/pod-class.ts';

export interface AdmissionDeps {
  /** Our Node as the API server has it; undefined before it is registered. */
  readonly node: () => Node | undefined;
  /** The Node we would register: what static pods are judged by while there is no API server. */
  readonly localNode: () => Node;
  /** Reads our Node once more; `node` has it then. */
  readonly refreshNode: (options: { signal: AbortSignal }) => Promise<void>;
  readonly allowedUnsafeSysctls: readonly string[];
  readonly isAppArmorEnabled: boolean;
}

export type AdmissionDecision =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  /** Admitted as soon as these have ended. */
  | { readonly kind: 'preempt'; readonly victims: readonly Pod[]; readonly rejection: Rejection }
  /** Nothing can be said before our Node is known, or known anew. */
  | { readonly kind: 'unknown' };

export class PodAdmission {
  readonly #deps: AdmissionDeps;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** `others` are the pods that hold resources of this node. */
  judge(pod: Pod, others: readonly Pod[]): AdmissionDecision {
    const node = this.#deps.node() ?? (isStaticPod(pod) ? this.#deps.localNode() : undefined);
    if (!node) return { kind: 'unknown' };
    const { allowedUnsafeSysctls, isAppArmorEnabled } = this.#deps;
    const verdict = planAdmission({ pod, others, node, allowedUnsafeSysctls, isAppArmorEnabled });
    if (verdict.kind !== 'short') return verdict;
    const victims = planPreemption(pod, others, verdict.shortages);
    if (victims) return { kind: 'preempt', victims, rejection: verdict.rejection };
    const missing = verdict.shortages.map(({ resource, amount }) => `(res: ${resource}, q: ${amount}), `);
    const message = `Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${missing.join('')}]`;
    return { kind: 'rejected', rejection: { reason: 'UnexpectedAdmissionError', message } };
  }

  /** The Node as the API server has it this moment: a label may have been set for the very pod that asks for it. */
  async refreshNode(options: { signal: AbortSignal }): Promise<void> {
    await this.#deps.refreshNode(options);
  }
}

/** Whether the kernel enforces AppArmor profiles; asked once, as it takes a boot to change. */
export async function isAppArmorEnabled(): Promise<boolean> {
  return await pathExists('/sys/kernel/security/apparmor');
}
