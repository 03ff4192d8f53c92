// A manifest of the node's own -> the pod it asks for, named and marked as the kubelet does (pkg/kubelet/config/common.go).
// Pure.

import type { Pod, PodSpec, Toleration } from '../api/objects.ts';
import { applyPodDefaults } from './pod-defaults.ts';
import { findStaticPodProblem } from './static-pod-rules.ts';

export interface StaticPodOrigin {
  readonly source: 'file' | 'http';
  readonly nodeName: string;
  /** Of the manifest and where it comes from; becomes the UID of a pod that brings none. */
  readonly hash: string;
}

export type StaticPodOutcome =
  | { readonly kind: 'ok'; readonly pod: Pod }
  | { readonly kind: 'refused'; readonly message: string };

export const CONFIG_HASH_ANNOTATION = 'kubernetes.io/config.hash';

// Static pods stay when the node has trouble.
const TOLERATE_NO_EXECUTE: Toleration = { operator: 'Exists', effect: 'NoExecute' };

export function buildStaticPod(manifest: unknown, origin: StaticPodOrigin): StaticPodOutcome {
  const problem = findStaticPodProblem(manifest);
  if (problem !== undefined) return { kind: 'refused', message: problem };
  // Only now: the rules have looked at every field that is relied on.
  const { metadata, spec } = manifest as Pod;
  const uid = metadata.uid || origin.hash;
  return {
    kind: 'ok',
    pod: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...metadata,
        name: `${metadata.name}-${origin.nodeName.toLowerCase()}`,
        namespace: metadata.namespace ?? 'default',
        uid,
        annotations: { ...metadata.annotations, [CONFIG_HASH_ANNOTATION]: uid },
      },
      spec: { ...withToleration(applyPodDefaults(spec), origin), nodeName: origin.nodeName },
      status: { phase: 'Pending' },
    },
  };
}

function withToleration(spec: PodSpec, { source }: StaticPodOrigin): PodSpec {
  if (source !== 'file') return spec;
  const tolerations = (spec.tolerations ?? []).filter(
    ({ key, operator, effect }) =>
      !(key === undefined && operator === TOLERATE_NO_EXECUTE.operator && effect === 'NoExecute'),
  );
  return { ...spec, tolerations: [...tolerations, TOLERATE_NO_EXECUTE] };
}
