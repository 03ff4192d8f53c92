// Whether a volume that was set up still stands: somebody may unmount it, or remove its directory, while the pod runs.
// Running containers do not notice; the next one that starts would find an empty directory, and write to the disk below.
import { isMountPoint } from '../host/mounts.ts';
import { pathExists } from '../lib/if-there.ts';
import type { PreparedVolume } from './prepared-volume.ts';

export interface VolumePlace {
  readonly isThere: boolean;
  readonly isMounted: boolean;
}

/** Of what the runtime mounts; an image volume has no place of ours. */
export async function readPlace(volume: PreparedVolume): Promise<VolumePlace> {
  if (volume.kind === 'image') return { isThere: true, isMounted: false };
  const { hostPath } = volume;
  return { isThere: await pathExists(hostPath), isMounted: await isMountPoint(hostPath).catch(() => false) };
}

/** As it was when it was set up. What is there more than then is no harm. */
export async function isIntact(volume: PreparedVolume, before: VolumePlace): Promise<boolean> {
  const now = await readPlace(volume);
  return (now.isThere || !before.isThere) && (now.isMounted || !before.isMounted);
}
