import type { Container, Pod } from '../api/objects.ts';
import type { ImageOutcome } from '../image/image-outcome.ts';
import type { PreparedVolume } from '../volume/prepared-volume.ts';
import type { PodEffects } from './effects.ts';

export type VolumeImages =
  /** The pod's volumes, with what the runtime calls the images among them. */
  | { readonly kind: 'ready'; readonly volumes: ReadonlyMap<string, PreparedVolume> }
  | (ImageOutcome & { readonly kind: 'failed' });

/** Brings the images that the container mounts as volumes; a failure is one of the container's own image. */
export async function pullVolumeImages(
  pod: Pod,
  container: Container,
  volumes: ReadonlyMap<string, PreparedVolume>,
  { images, events }: PodEffects,
  { signal }: { signal: AbortSignal },
): Promise<VolumeImages> {
  const resolved = new Map(volumes);
  for (const { name } of container.volumeMounts ?? []) {
    const volume = volumes.get(name);
    if (volume?.kind !== 'image') continue;
    const { reference: image, pullPolicy } = volume;
    const wanted = { image, ...(pullPolicy !== undefined && { imagePullPolicy: pullPolicy }) };
    const outcome = await images.ensureImage(pod, wanted, events.container(pod, container.name), { signal });
    if (outcome.kind === 'failed') return outcome;
    resolved.set(name, { ...volume, imageRef: outcome.imageRef });
  }
  return { kind: 'ready', volumes: resolved };
}
