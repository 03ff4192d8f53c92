import type { DesiredPod } from './desired-pod.ts';
import { CONFIG_SEEN_ANNOTATION, CONFIG_SOURCE_ANNOTATION } from './naming.ts';

/**
 * The pod with the two annotations the kubelet adds in memory alone: where it was asked for and when this agent first
 * saw it. They reach the sandbox and the downward API. `known` is the same pod as seen before.
 */
export function markSeen(
  { pod, source }: DesiredPod,
  known: DesiredPod | undefined,
  nowMs: number,
): DesiredPod {
  const seen =
    known?.pod.metadata.annotations?.[CONFIG_SEEN_ANNOTATION] ??
    new Date(nowMs).toISOString().replace('Z', '000000Z'); // nine digits, as the kubelet writes it
  const annotations = {
    ...pod.metadata.annotations,
    [CONFIG_SOURCE_ANNOTATION]: source,
    [CONFIG_SEEN_ANNOTATION]: seen,
  };
  return { source, pod: { ...pod, metadata: { ...pod.metadata, annotations } } };
}
