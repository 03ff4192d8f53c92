// Who may use an image that this node pulled (KEP-2535): a record per image says with whose credentials; pure. The form
// is the kubelet's, so that a node may change hands.
import { isRecord } from '../lib/is-record.ts';
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

/** Throws for what neither we nor a kubelet have written. */
export function parsePullRecord(text: string, imageRef: string): ImagePulledRecord {
  const file: unknown = JSON.parse(text);
  if (!isRecord(file) || file['kind'] !== 'ImagePulledRecord') throw new Error('no ImagePulledRecord in it');
  const { lastUpdatedTime = '', credentialMapping = {} } = file; // the kubelet leaves an empty mapping out
  if (typeof lastUpdatedTime !== 'string' || !isRecord(credentialMapping) || !isMapping(credentialMapping)) {
    throw new Error('its credentialMapping is not understood');
  }
  return {
    kind: 'ImagePulledRecord',
    apiVersion: RECORD_API_VERSION,
    lastUpdatedTime,
    imageRef,
    credentialMapping,
  };
}

function isMapping(
  mapping: Readonly<Record<string, unknown>>,
): mapping is Readonly<Record<string, ImagePullCredentials>> {
  return Object.values(mapping).every(
    known =>
      isRecord(known) && (known['kubernetesSecrets'] == null || areSecrets(known['kubernetesSecrets'])),
  );
}

function areSecrets(secrets: unknown): boolean {
  return Array.isArray(secrets) && secrets.every(isRecord);
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
