// A static pod's UID is the hash of its manifest, and the kubelet hashes its own Go objects: the same file gives another UID
// there. A pod that the kubelet has made of the file as it is now keeps its UID, or taking over would restart it. Pure.

import type { Pod } from '../api/objects.ts';
import { isFullyStopped, type ObservedPod } from '../runtime/observed-pod.ts';
import { buildStaticPod, type StaticPodOutcome } from './build-static-pod.ts';
import type { Manifest } from './read-manifests.ts';

/** The pod of a manifest file, under the UID it runs with. */
export function buildFilePod(
  { hash, changedAtMs, content }: Manifest,
  nodeName: string,
  running: Iterable<ObservedPod>,
): StaticPodOutcome {
  if (content.kind === 'unreadable') return { kind: 'refused', message: content.message };
  const build = (uid: string): StaticPodOutcome =>
    buildStaticPod(content.value, { source: 'file', nodeName, hash: uid });
  const outcome = build(hash);
  if (outcome.kind === 'refused' || outcome.pod.metadata.uid !== hash) return outcome;
  const adopted = findAdoptedUID(outcome.pod, changedAtMs, running);
  return adopted === undefined ? outcome : build(adopted);
}

/** The UID under which the pod of a manifest that has not changed since runs already; undefined: it is a new one. */
export function findAdoptedUID(
  pod: Pod,
  manifestChangedAtMs: number,
  observed: Iterable<ObservedPod>,
): string | undefined {
  const { name, namespace, uid } = pod.metadata;
  let adopted: string | undefined;
  for (const other of observed) {
    const isNamesake = other.isStatic && other.name === name && other.namespace === namespace;
    if (!isNamesake || isFullyStopped(other)) continue;
    if (other.podUID === uid) return undefined;
    if (manifestChangedAtMs < (other.configSeenAtMs ?? 0)) adopted = other.podUID;
  }
  return adopted;
}
