import type { Pod } from '../api/objects.ts';

const SYSTEM_CRITICAL_PRIORITY = 2_000_000_000;

/** From a file or URL of the node: `kubernetes.io/config.source` names where a pod was asked for. */
export function isStaticPod({ metadata }: Pod): boolean {
  const source = metadata.annotations?.['kubernetes.io/config.source'];
  return source !== undefined && source !== 'api';
}

/** The image of a static pod in the API. */
export function isMirrorPod({ metadata }: Pod): boolean {
  return metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
}

/** A pod that the node cannot be without: others make room for it. */
export function isCriticalPod(pod: Pod): boolean {
  return isStaticPod(pod) || isMirrorPod(pod) || (pod.spec.priority ?? 0) >= SYSTEM_CRITICAL_PRIORITY;
}
