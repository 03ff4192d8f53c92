// Which mirror pods to create and delete: one for each static pod, with its hash (pkg/kubelet/kubelet.go, pod_manager.go).
// Pure.

import type { Pod } from '../api/objects.ts';
import { CONFIG_HASH_ANNOTATION } from './build-static-pod.ts';
import { fullName } from './naming.ts';

const CONFIG_MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

export interface StaticPod {
  readonly pod: Pod;
  /** False while it is being ended: its mirror shows how. */
  readonly isWanted: boolean;
}

export type MirrorAction =
  | { readonly kind: 'create'; readonly mirror: Pod }
  | { readonly kind: 'delete'; readonly mirror: Pod };

export interface NodeIdentity {
  readonly name: string;
  readonly uid: string;
}

export function planMirrors(
  statics: readonly StaticPod[],
  mirrors: readonly Pod[],
  node: NodeIdentity,
  { isComplete }: { readonly isComplete: boolean } = { isComplete: true },
): readonly MirrorAction[] {
  const actions: MirrorAction[] = [];
  const needed = new Set(statics.map(({ pod }) => fullName(pod)));
  for (const mirror of mirrors) {
    // After a start the API may list mirrors before their manifests are read.
    if (isComplete && !needed.has(fullName(mirror))) actions.push({ kind: 'delete', mirror });
  }
  for (const { pod, isWanted } of statics) {
    if (!isWanted) continue;
    const mirror = mirrors.find(candidate => fullName(candidate) === fullName(pod));
    if (!mirror) actions.push({ kind: 'create', mirror: buildMirror(pod, node) });
    // Deleted by somebody, or of an earlier manifest: gone first, made anew then.
    else if (!isMirrorOf(mirror, pod)) actions.push({ kind: 'delete', mirror });
  }
  return actions;
}

export function isMirrorOf({ metadata }: Pod, pod: Pod): boolean {
  const hash = metadata.annotations?.[CONFIG_MIRROR_ANNOTATION];
  return metadata.deletionTimestamp === undefined && hash === hashOf(pod);
}

// NodeRestriction lets a node create mirror pods only with itself as their owner.
function buildMirror(pod: Pod, node: NodeIdentity): Pod {
  const { uid: _uid, ...metadata } = pod.metadata;
  const owner = { apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid, controller: true };
  const { status: _status, ...rest } = pod;
  return {
    ...rest,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [CONFIG_MIRROR_ANNOTATION]: hashOf(pod) },
      ownerReferences: [owner],
    },
  };
}

function hashOf({ metadata }: Pod): string {
  return metadata.annotations?.[CONFIG_HASH_ANNOTATION] ?? metadata.uid ?? '';
}
