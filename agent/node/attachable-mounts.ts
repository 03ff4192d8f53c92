// Volumes that the attach/detach controller must not detach yet. We mount none of them; a kubelet before us may have.

import { join } from 'node:path';
import { isWithin, listMountsNow, type MountInfo } from '../host/mount-info.ts';

interface Place {
  /** The kubelet's, `/var/lib/kubelet`. */
  readonly rootDir: string;
}

/** All that a Node lists, as long as there is such a mount; which volume it is of only its driver knows. */
export function findVolumesInUse(listed: readonly string[] = [], place: Place): readonly string[] {
  if (listed.length === 0) return []; // the rule: nothing is read
  return hasAttachableMounts(listMountsNow(), place) ? listed : [];
}

/** Whether something is mounted where drivers mount devices, or where pods have the volumes of CSI drivers. */
export function hasAttachableMounts(
  mounts: readonly Pick<MountInfo, 'target'>[],
  { rootDir }: Place,
): boolean {
  const [plugins, pods] = [join(rootDir, 'plugins'), join(rootDir, 'pods')];
  return mounts.some(
    ({ target }) =>
      isWithin(target, plugins) || (isWithin(target, pods) && target.includes('/volumes/kubernetes.io~csi/')),
  );
}
