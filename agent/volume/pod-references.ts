// What a pod's volumes refer to; pure.
import type { Container, Pod, PodSpec, Volume } from '../api/objects.ts';
import { allContainers } from '../resources/containers.ts';
import type { ObjectKind } from './object-store.ts';
import {
  type PodCertificateSource,
  parseVolumeSource,
  type ServiceAccountTokenSource,
  type VolumeSource,
} from './volume-source.ts';

/** The volumes that some container mounts, maps or reads its environment from; the others are never set up. */
export function usedVolumes({ spec }: Pod): Volume[] {
  const names = new Set(
    allContainers(spec).flatMap(container => [
      ...(container.volumeMounts ?? []).map(mount => mount.name),
      ...(container.volumeDevices ?? []).map(device => device.name),
      ...(container.env ?? []).flatMap(({ valueFrom }) => valueFrom?.fileKeyRef?.volumeName ?? []),
    ]),
  );
  return (spec.volumes ?? []).filter(volume => names.has(volume.name));
}

export interface ObjectName {
  readonly kind: ObjectKind;
  readonly name: string;
}

/** The ConfigMaps and Secrets of the pod's used volumes, of its containers' environment and of its image pulls. */
export function referencedObjects(pod: Pod): ObjectName[] {
  return [
    ...usedVolumes(pod).flatMap(volume => objectsOf(parseVolumeSource(volume))),
    ...allContainers(pod.spec).flatMap(environmentObjects),
    ...namesOf(
      'secrets',
      (pod.spec.imagePullSecrets ?? []).map(({ name }) => name),
    ),
  ];
}

function environmentObjects({ env = [], envFrom = [] }: Container): ObjectName[] {
  const configMaps = [
    ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
    ...envFrom.map(({ configMapRef }) => configMapRef?.name),
  ];
  const secrets = [
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ...envFrom.map(({ secretRef }) => secretRef?.name),
  ];
  return [...namesOf('configmaps', configMaps), ...namesOf('secrets', secrets)];
}

function namesOf(kind: ObjectKind, names: readonly (string | undefined)[]): ObjectName[] {
  return names.flatMap(name => (name ? [{ kind, name }] : []));
}

/** The ConfigMaps and Secrets one volume is made of. */
export function objectsOf(volume: VolumeSource): ObjectName[] {
  switch (volume.kind) {
    case 'configMap':
      return [{ kind: 'configmaps', name: volume.source.name }];
    case 'secret':
      return [{ kind: 'secrets', name: volume.source.secretName }];
    case 'projected':
      return (volume.source.sources ?? []).flatMap(({ configMap, secret }) => [
        ...(configMap ? [{ kind: 'configmaps' as const, name: configMap.name }] : []),
        ...(secret ? [{ kind: 'secrets' as const, name: secret.name }] : []),
      ]);
    default:
      return [];
  }
}

/** The service account tokens one volume holds. */
export function tokensOf(volume: VolumeSource): ServiceAccountTokenSource[] {
  if (volume.kind !== 'projected') return [];
  return (volume.source.sources ?? []).flatMap(source => source.serviceAccountToken ?? []);
}

/** The pod certificates one volume holds. */
export function certificatesOf(volume: VolumeSource): PodCertificateSource[] {
  if (volume.kind !== 'projected') return [];
  return (volume.source.sources ?? []).flatMap(source => source.podCertificate ?? []);
}

/** Whether the volume takes anchors from the cluster's trust bundles. */
export function hasTrustBundles(volume: VolumeSource): boolean {
  return (
    volume.kind === 'projected' && (volume.source.sources ?? []).some(source => source.clusterTrustBundle)
  );
}

/**
 * Directories inside a volume that other volumes are mounted on: a read-only volume must have them beforehand.
 * Only the uppermost of each nest, relative to the volume's root.
 */
export function nestedMountPoints(volumeName: string, spec: PodSpec): string[] {
  const found = new Set<string>();
  for (const container of allContainers(spec)) {
    const mounts = (container.volumeMounts ?? []).map(mount => ({
      ...mount,
      path: cleanAbsolute(mount.mountPath),
    }));
    for (const own of mounts.filter(
      mount => mount.name === volumeName && !mount.subPath && !mount.subPathExpr,
    )) {
      const below = mounts.map(mount => mount.path).filter(path => path.startsWith(`${own.path}/`));
      const uppermost = below.filter(path => !below.some(other => path.startsWith(`${other}/`)));
      for (const path of uppermost) found.add(path.slice(own.path.length + 1));
    }
  }
  return [...found];
}

// A mount path is relative to the container's root whether it says so or not; `..` cannot leave it.
function cleanAbsolute(path: string): string {
  const elements: string[] = [];
  for (const element of path.split('/')) {
    if (element === '..') elements.pop();
    else if (element !== '' && element !== '.') elements.push(element);
  }
  return `/${elements.join('/')}`;
}
