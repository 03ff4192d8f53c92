import type { ActionSignals, ActionTarget, PodEffects } from './effects.ts';
import { releaseUserNamespace } from './user-namespaces.ts';

/** Volumes, the cgroup, the user IDs: what has to be gone before the pod's object may go. */
export async function tearDownPod(
  { pod, observed, memory }: ActionTarget,
  { runtime, volumes, cgroups, contexts }: PodEffects,
  { shutdown }: ActionSignals,
): Promise<void> {
  // A sandbox that died by itself is on the network still. With the object everything goes; without that, only this does it.
  if (pod && pod.metadata.deletionTimestamp === undefined) {
    const options = { signal: shutdown, podUID: observed.podUID };
    for (const { id } of observed.sandboxes) await runtime.stopPodSandbox(id, options);
  }
  if (!memory.areVolumesGone) {
    await volumes.teardownVolumes(observed.podUID, { signal: shutdown, isOrphan: pod === undefined });
  }
  const paths = pod ? [contexts.cgroupParent(pod)] : contexts.cgroupPathsOf(observed.podUID);
  for (const path of paths) await cgroups.remove(path, { signal: shutdown });
  await releaseUserNamespace(contexts.rootDir, observed.podUID);
}
