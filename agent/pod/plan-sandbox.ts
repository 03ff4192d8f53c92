import type { Pod } from '../api/objects.ts';
import { restartPolicyOf } from '../resources/restart-policy.ts';
import { newestInstance, type ObservedPod, type ObservedSandbox } from '../runtime/observed-pod.ts';
import { type PodAction, stopReadySandboxes, stopRunningContainers } from './pod-plan.ts';

const DEFAULT_GRACE_SECONDS = 30;

export type SandboxDecision =
  | { readonly kind: 'keep'; readonly sandbox: ObservedSandbox }
  | { readonly kind: 'create'; readonly action: PodAction }
  /** What is left of a broken sandbox goes first. */
  | { readonly kind: 'clear'; readonly actions: readonly PodAction[] }
  /** The sandbox is gone and nothing would run in a new one. */
  | { readonly kind: 'complete' };

/** Whether the pod's sandbox serves, and what to do if not (kuberuntime PodSandboxChanged and computePodActions). */
export function planSandbox(pod: Pod, observed: ObservedPod): SandboxDecision {
  const newest = observed.sandboxes[0];
  if (!newest) return { kind: 'create', action: { kind: 'createSandbox', attempt: 0, replaces: undefined } };
  if (isUsable(pod, observed, newest)) return { kind: 'keep', sandbox: newest };

  const leftovers = [
    ...stopRunningContainers(pod.spec, observed, graceSeconds => graceSeconds ?? DEFAULT_GRACE_SECONDS),
    ...stopReadySandboxes(observed),
  ];
  if (leftovers.length > 0) return { kind: 'clear', actions: firstStage(leftovers) };
  // A dead sandbox is never revived: a new attempt replaces it (CRI RunPodSandbox).
  if (!wouldRunAnything(pod, observed)) return { kind: 'complete' };
  return {
    kind: 'create',
    action: { kind: 'createSandbox', attempt: newest.attempt + 1, replaces: newest.id },
  };
}

function isUsable(pod: Pod, observed: ObservedPod, newest: ObservedSandbox): boolean {
  const isHostNetwork = pod.spec.hostNetwork === true;
  return (
    newest.isReady &&
    observed.sandboxes.filter(({ isReady }) => isReady).length === 1 &&
    newest.isHostNetwork === isHostNetwork &&
    (isHostNetwork || newest.podIPs.length > 0)
  );
}

// Containers first, their sandbox in the next pass.
function firstStage(actions: readonly PodAction[]): PodAction[] {
  const stops = actions.filter(({ kind }) => kind === 'stopContainer');
  return stops.length > 0 ? stops : [...actions];
}

function wouldRunAnything(pod: Pod, observed: ObservedPod): boolean {
  if (observed.containers.length === 0) return true;
  if (pod.spec.restartPolicy === 'Never') return false;
  return pod.spec.containers.some(container => {
    const instance = newestInstance(observed, container.name);
    const hasSucceeded = instance?.state === 'exited' && instance.exitCode === 0;
    return !(hasSucceeded && restartPolicyOf(pod.spec, container) === 'OnFailure');
  });
}
