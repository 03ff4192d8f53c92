// Who may use an image that this node pulled (KEP-2535): a record per image says with whose credentials; pure. The form
// is the kubelet's, so that a node may change hands.
import type { CredentialSource } from './registry-credential.ts';

export interface ImagePullSecret {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly credentialHash: string;
}

export interface ImagePullCredentials {
  readonly kubernetesSecrets?: readonly ImagePullSecret[];
  readonly nodePodsAccessible?: boolean;
}

export interface ImagePulledRecord {
  readonly kind: 'ImagePulledRecord';
  readonly apiVersion: string;
  readonly lastUpdatedTime: string;
  readonly imageRef: string;
  /** By the image's name without tag and digest. */
  readonly credentialMapping: Readonly<Record<string, ImagePullCredentials>>;
}

export const RECORD_API_VERSION = 'kubelet.config.k8s.io/v1beta1';

/** What a successful pull proved: anybody may have the image, or who has this secret. */
export interface PullProof {
  readonly source: CredentialSource;
  readonly credentialHash: string;
}

/** The record after one more pull; `record` itself when that says nothing new. */
export function buildPullRecord(
  record: ImagePulledRecord | undefined,
  pulled: {
    readonly name: string;
    readonly imageRef: string;
    readonly proof: PullProof;
    readonly now: string;
  },
): ImagePulledRecord {
  const { name, imageRef, proof, now } = pulled;
  const before = record?.credentialMapping[name];
  const after = addProof(before, proof);
  if (record && after === before) return record;
  return {
    kind: 'ImagePulledRecord',
    apiVersion: RECORD_API_VERSION,
    lastUpdatedTime: now,
    imageRef,
    credentialMapping: { ...record?.credentialMapping, [name]: after },
  };
}

function addProof(
  before: ImagePullCredentials | undefined,
  { source, credentialHash }: PullProof,
): ImagePullCredentials {
  if (before?.nodePodsAccessible) return before;
  if (source.kind === 'node') return { nodePodsAccessible: true };
  const { uid, namespace, name } = source;
  const secrets = before?.kubernetesSecrets ?? [];
  if (
    before &&
    secrets.some(secret => isSameSecret(secret, source) && secret.credentialHash === credentialHash)
  ) {
    return before;
  }
  const others = secrets.filter(secret => !isSameSecret(secret, source));
  return { kubernetesSecrets: [...others, { uid, namespace, name, credentialHash }] };
}

/** Whether a pod with these credentials may use the image without asking the registry again. */
export function isAccessible(record: ImagePulledRecord, name: string, ofPod: readonly PullProof[]): boolean {
  const known = record.credentialMapping[name];
  if (!known) return false;
  if (known.nodePodsAccessible) return true;
  return (known.kubernetesSecrets ?? []).some(secret =>
    ofPod.some(
      ({ source, credentialHash }) =>
        secret.credentialHash === credentialHash || isSameSecret(secret, source),
    ),
  );
}

function isSameSecret(secret: ImagePullSecret, source: CredentialSource): boolean {
  if (source.kind !== 'secret') return false;
  return secret.uid === source.uid && secret.namespace === source.namespace && secret.name === source.name;
}
