import type { ActionSignals, ActionTarget, PodEffects } from './effects.ts';
import { releaseUserNamespace } from './user-namespaces.ts';

/** Volumes, the cgroup, the user IDs: what has to be gone before the pod's object may go. */
export async function tearDownPod(
  { pod, observed, memory }: ActionTarget,
  { volumes, cgroups, contexts }: PodEffects,
  { shutdown }: ActionSignals,
): Promise<void> {
  if (!memory.areVolumesGone) {
    await volumes.teardownVolumes(observed.podUID, { signal: shutdown, isOrphan: pod === undefined });
  }
  const paths = pod ? [contexts.cgroupParent(pod)] : contexts.cgroupPathsOf(observed.podUID);
  for (const path of paths) await cgroups.remove(path, { signal: shutdown });
  await releaseUserNamespace(contexts.rootDir, observed.podUID);
}
