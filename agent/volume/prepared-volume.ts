// What a volume is for the container that uses it, and why it is not there yet.

export interface MountedVolume {
  readonly kind: 'mount';
  /** Its name in the pod's directories: a PersistentVolume's own. */
  readonly directoryName: string;
  /** What the runtime mounts. */
  readonly hostPath: string;
  /** The volume itself is read-only, whatever the container's mount says. */
  readonly isReadOnly: boolean;
  readonly needsSELinuxRelabel: boolean;
  /** The containers' processes get this group beside their own. */
  readonly groupId?: number;
}

/** A raw block volume. */
export interface MappedVolume {
  readonly kind: 'device';
  readonly hostPath: string;
  readonly isReadOnly: boolean;
  readonly groupId?: number;
}

/** The content of an image, which the runtime mounts by itself (CRI Mount.image). */
export interface ImageVolume {
  readonly kind: 'image';
  readonly reference: string;
  readonly pullPolicy: string | undefined;
  /** What the runtime calls it; undefined before it is pulled. */
  readonly imageRef: string | undefined;
}

export type PreparedVolume = MountedVolume | MappedVolume | ImageVolume;

/** The groups that the volumes give to those who use them, each once. */
export function volumeGroups(volumes: Iterable<PreparedVolume>): readonly number[] {
  const groups = Array.from(volumes, volume => (volume.kind === 'image' ? undefined : volume.groupId));
  return [...new Set(groups.filter(group => group !== undefined))];
}

/** An operation as the kubelet's events name it; `claim` is what comes before any. */
export type VolumeStage =
  | 'claim'
  | 'MountVolume.SetUp'
  | 'MountVolume.NodeAffinity check'
  | 'MountVolume.MountOptionSupport check'
  | 'MapVolume.MapPodDevice';

export interface FailedVolume {
  readonly kind: 'failed';
  /** As it stands at the end of the event. */
  readonly problem: string;
  readonly stage?: VolumeStage;
  /** A PersistentVolume's name, where it is known. */
  readonly specName?: string;
}

export type VolumeOutcome =
  /** `digest` of the content written, where there is content. */
  | {
      readonly kind: 'ready';
      readonly volume: PreparedVolume;
      readonly digest?: string;
      readonly warning?: VolumeEvent;
    }
  | FailedVolume;

/** For an event on the pod. */
export interface VolumeEvent {
  readonly reason: string;
  readonly message: string;
}

/** The kubelet's event for a volume that could not be had; `name` is the pod's name for it. */
export function buildFailureEvent(name: string, failed: FailedVolume): VolumeEvent {
  const { problem, stage = 'MountVolume.SetUp', specName = name } = failed;
  if (stage === 'claim') {
    const names = `unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]`;
    return { reason: 'FailedMount', message: `Unable to attach or mount volumes: ${names}: ${problem}` };
  }
  const reason = stage.startsWith('MapVolume') ? 'FailedMapVolume' : 'FailedMount';
  return { reason, message: `${stage} failed for volume "${specName}" : ${problem}` };
}
