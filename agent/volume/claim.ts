// Whether a pod may use what a claim is bound to (desired_state_of_world_populator.go); pure.
import type { Pod, Volume } from '../api/objects.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../api/storage-objects.ts';
import { allContainers } from '../resources/containers.ts';

const PROTECTION_FINALIZER = 'kubernetes.io/pvc-protection';

/** Why the claim cannot be used now; undefined when it is bound. */
export function claimProblem({ metadata, spec, status }: PersistentVolumeClaim): string | undefined {
  // While a pod uses it, the finalizer holds a claim that is to go.
  const isProtected = metadata.finalizers?.includes(PROTECTION_FINALIZER) ?? false;
  if (metadata.deletionTimestamp !== undefined && !isProtected) return 'PVC is being deleted';
  if (status?.phase !== 'Bound') return 'PVC is not bound';
  return spec.volumeName ? undefined : 'PVC has empty pvc.Spec.VolumeName';
}

/** Why the claim of a generic ephemeral volume is not this pod's own; undefined when it is. */
export function ownershipProblem(pod: Pod, { metadata }: PersistentVolumeClaim): string | undefined {
  const isOwned = metadata.ownerReferences?.some(
    ({ controller, uid }) => controller && uid === pod.metadata.uid,
  );
  if (isOwned) return undefined;
  const podName = `${pod.metadata.namespace}/${pod.metadata.name}`;
  return `PVC ${metadata.namespace}/${metadata.name} was not created for pod ${podName} (pod is not owner)`;
}

/** Why the volume is not the claim's; undefined when each points to the other. */
export function bindingProblem(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const { name } = volume.metadata;
  const { claimRef } = volume.spec;
  if (!claimRef) {
    return `found PV object ${name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`;
  }
  if (claimRef.uid === claim.metadata.uid) return undefined;
  return `found PV object ${name} but its pv.Spec.ClaimRef.UID ${claimRef.uid} does not point to claim.UID ${claim.metadata.uid}`;
}

/** Why the containers cannot use it the way they ask; undefined when they can. */
export function modeProblem(pod: Pod, { name }: Volume, { spec }: PersistentVolume): string | undefined {
  const containers = allContainers(pod.spec);
  const isMounted = containers.some(({ volumeMounts = [] }) =>
    volumeMounts.some(mount => mount.name === name),
  );
  const isMapped = containers.some(({ volumeDevices = [] }) =>
    volumeDevices.some(device => device.name === name),
  );
  const mode = spec.volumeMode ?? 'Filesystem';
  if (isMounted && mode !== 'Filesystem')
    return `volume ${name} has volumeMode ${mode}, but is specified in volumeMounts`;
  if (isMapped && mode !== 'Block')
    return `volume ${name} has volumeMode ${mode}, but is specified in volumeDevices`;
  return undefined;
}

/** Whether one pod at a time may use the volume. */
export function isForOnePod({ spec }: PersistentVolume): boolean {
  return spec.accessModes?.length === 1 && spec.accessModes[0] === 'ReadWriteOncePod';
}

const MOUNT_OPTIONS_ANNOTATION = 'volume.beta.kubernetes.io/mount-options';

/** The annotation of old before the field. */
export function mountOptionsOf({ metadata, spec }: PersistentVolume): readonly string[] {
  const annotated = metadata.annotations?.[MOUNT_OPTIONS_ANNOTATION];
  return annotated ? annotated.split(',') : (spec.mountOptions ?? []);
}

const GROUP_ANNOTATION = 'pv.beta.kubernetes.io/gid';

/** The group whose members may use the volume; undefined when it names none. */
export function groupIdOf({ metadata }: PersistentVolume): number | undefined {
  const text = metadata.annotations?.[GROUP_ANNOTATION] ?? '';
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

const NOT_A_SOURCE: ReadonlySet<string> = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);

/** The field that names what kind of volume this is: `local`, `csi` ... */
export function sourceFieldOf({ spec }: PersistentVolume): string {
  return Object.keys(spec).find(field => !NOT_A_SOURCE.has(field) && spec[field] != null) ?? 'none';
}
