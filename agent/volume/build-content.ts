// The payload of a content volume out of one consistent look at everything it is made of.
import type { Pod } from '../api/objects.ts';
import { allContainers } from '../resources/containers.ts';
import { type Allocatable, buildDownwardAPIFiles } from './build-downward-api.ts';
import { buildKeyFiles, NO_DEFAULT_MODE } from './build-key-files.ts';
import type { ObjectKind, ObjectLookup } from './object-store.ts';
import { type FileProjection, type PayloadOutcome, validatePayload } from './payload.ts';
import type { PodCertificateLookup } from './pod-certificate-store.ts';
import type { TokenLookup } from './token-store.ts';
import { findTrustAnchors } from './trust-anchors.ts';
import type { TrustBundlesLookup } from './trust-bundle-store.ts';
import type {
  ClusterTrustBundleSource,
  ContentVolume,
  PodCertificateSource,
  ProjectedSource,
  ProjectionSource,
  ServiceAccountTokenSource,
} from './volume-source.ts';

/** Everything outside the pod that a content volume can be made of, as it stands now. */
export interface ContentInputs {
  readonly object: (kind: ObjectKind, name: string) => ObjectLookup;
  readonly token: (source: ServiceAccountTokenSource) => TokenLookup;
  readonly trustBundles: () => TrustBundlesLookup;
  readonly certificate: (source: PodCertificateSource) => PodCertificateLookup;
  readonly allocatable: Allocatable;
}

/** The files the volume shall hold now, or why they cannot be known. */
export function buildContent(volume: ContentVolume, pod: Pod, inputs: ContentInputs): PayloadOutcome {
  const outcome = buildFiles(volume, pod, inputs);
  return outcome.kind === 'built' ? validatePayload(outcome.payload) : outcome;
}

function buildFiles(volume: ContentVolume, pod: Pod, inputs: ContentInputs): PayloadOutcome {
  switch (volume.kind) {
    case 'configMap': {
      const { name } = volume.source;
      return buildKeyFiles('configmaps', name, volume.source, inputs.object('configmaps', name));
    }
    case 'secret': {
      const { secretName } = volume.source;
      return buildKeyFiles('secrets', secretName, volume.source, inputs.object('secrets', secretName));
    }
    case 'downwardAPI':
      return buildDownwardAPIFiles(volume.source, pod, inputs.allocatable);
    case 'projected':
      return buildProjectedFiles(volume.source, pod, inputs);
  }
}

function buildProjectedFiles(source: ProjectedSource, pod: Pod, inputs: ContentInputs): PayloadOutcome {
  const { defaultMode } = source;
  if (defaultMode === undefined) return { kind: 'failed', problems: [NO_DEFAULT_MODE] };
  const payload = new Map<string, FileProjection>();
  const problems: string[] = [];
  for (const projection of source.sources ?? []) {
    const outcome = buildProjection(projection, defaultMode, pod, inputs);
    if (outcome.kind === 'failed') problems.push(...outcome.problems);
    else for (const [path, file] of outcome.payload) payload.set(path, file); // the later source wins
  }
  return problems.length > 0 ? { kind: 'failed', problems } : { kind: 'built', payload };
}

function buildProjection(
  projection: ProjectionSource,
  defaultMode: number,
  pod: Pod,
  inputs: ContentInputs,
): PayloadOutcome {
  const { configMap, secret, downwardAPI, serviceAccountToken } = projection;
  const { clusterTrustBundle, podCertificate } = projection;
  if (configMap) {
    const lookup = inputs.object('configmaps', configMap.name);
    return buildKeyFiles('configmaps', configMap.name, { ...configMap, defaultMode }, lookup);
  }
  if (secret) {
    const lookup = inputs.object('secrets', secret.name);
    return buildKeyFiles('secrets', secret.name, { ...secret, defaultMode }, lookup);
  }
  if (downwardAPI) return buildDownwardAPIFiles({ ...downwardAPI, defaultMode }, pod, inputs.allocatable);
  if (serviceAccountToken) return buildTokenFile(serviceAccountToken, defaultMode, pod, inputs);
  if (clusterTrustBundle) return buildTrustBundleFile(clusterTrustBundle, defaultMode, pod, inputs);
  if (podCertificate) return buildCertificateFiles(podCertificate, defaultMode, pod, inputs);
  const [field] = Object.keys(projection);
  const problem =
    field === undefined
      ? 'the API server has taken a source out of this projected volume: the feature gate of its kind is off there'
      : `projected volume source ${field} is not supported by this node`;
  return { kind: 'failed', problems: [problem] };
}

function buildTrustBundleFile(
  source: ClusterTrustBundleSource,
  defaultMode: number,
  pod: Pod,
  inputs: ContentInputs,
): PayloadOutcome {
  const outcome = findTrustAnchors(source, inputs.trustBundles());
  if (outcome.kind === 'failed') return { kind: 'failed', problems: [outcome.problem] };
  const file = ownFile(Buffer.from(outcome.pem), defaultMode, pod);
  return { kind: 'built', payload: new Map([[source.path, file]]) };
}

function buildTokenFile(
  source: ServiceAccountTokenSource,
  defaultMode: number,
  pod: Pod,
  inputs: ContentInputs,
): PayloadOutcome {
  const lookup = inputs.token(source);
  if (lookup.kind !== 'present') return { kind: 'failed', problems: [lookup.problem] };
  const file = ownFile(Buffer.from(lookup.token), defaultMode, pod);
  return { kind: 'built', payload: new Map([[source.path, file]]) };
}

function buildCertificateFiles(
  source: PodCertificateSource,
  defaultMode: number,
  pod: Pod,
  inputs: ContentInputs,
): PayloadOutcome {
  const lookup = inputs.certificate(source);
  if (lookup.kind === 'missing') return { kind: 'failed', problems: [lookup.problem] };
  const { key, chain } = lookup.certificate;
  const { credentialBundlePath = '', keyPath = '', certificateChainPath = '' } = source;
  const files = [
    [credentialBundlePath, key + chain],
    [keyPath, key],
    [certificateChainPath, chain],
  ] as const;
  const payload = files
    .filter(([path]) => path !== '')
    .map(([path, text]) => [path, ownFile(Buffer.from(text), defaultMode, pod)] as const);
  return { kind: 'built', payload: new Map(payload) };
}

/** For the pod's own user, where all its containers have the same. */
function ownFile(content: Buffer, defaultMode: number, pod: Pod): FileProjection {
  const ownerUid = buildFileOwner(pod);
  const isPrivate = ownerUid !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
  return {
    content,
    // With an fsGroup the ownership pass makes this 0640.
    mode: isPrivate ? 0o600 : defaultMode,
    ...(ownerUid !== undefined && { ownerUid }),
  };
}

/** The one user all containers of the pod run as; undefined when they differ or one leaves it to its image. */
export function buildFileOwner({ spec }: Pod): number | undefined {
  const users = allContainers(spec).map(
    container => container.securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  );
  return users.every(user => user === users[0]) ? users[0] : undefined;
}
