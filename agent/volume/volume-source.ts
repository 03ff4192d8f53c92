// The volume kinds of core/v1 the agent serves, and how a pod's volume is recognised as one of them.
import type { Quantity, Volume } from '../api/objects.ts';
import type { LabelSelector } from '../resources/label-selector.ts';

export interface KeyToPath {
  readonly key: string;
  readonly path: string;
  readonly mode?: number;
}

export interface EmptyDirSource {
  /** '' is the node's disk, `Memory` a tmpfs, `HugePages` or `HugePages-<size>` a hugetlbfs. */
  readonly medium?: string;
  readonly sizeLimit?: Quantity;
}

export interface HostPathSource {
  readonly path: string;
  readonly type?: string;
}

export interface NfsSource {
  readonly server: string;
  readonly path: string;
  readonly readOnly?: boolean;
}

export interface ImageSource {
  readonly reference?: string;
  readonly pullPolicy?: string;
}

export interface ClaimSource {
  readonly claimName: string;
  readonly readOnly?: boolean;
}

export interface ConfigMapSource {
  readonly name: string;
  readonly items?: readonly KeyToPath[];
  readonly defaultMode?: number;
  readonly optional?: boolean;
}

export interface SecretSource {
  readonly secretName: string;
  readonly items?: readonly KeyToPath[];
  readonly defaultMode?: number;
  readonly optional?: boolean;
}

export interface ResourceFieldRef {
  readonly containerName?: string;
  readonly resource: string;
  readonly divisor?: Quantity;
}

export interface DownwardAPIFile {
  readonly path: string;
  readonly mode?: number;
  readonly fieldRef?: { readonly fieldPath: string };
  readonly resourceFieldRef?: ResourceFieldRef;
}

export interface DownwardAPISource {
  readonly items?: readonly DownwardAPIFile[];
  readonly defaultMode?: number;
}

export interface ServiceAccountTokenSource {
  readonly path: string;
  /** Empty or missing: the API server's own audience. */
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

/** Either by name or by signer; of those of a signer the ones that the selector matches. */
export interface ClusterTrustBundleSource {
  readonly path: string;
  readonly name?: string;
  readonly signerName?: string;
  readonly labelSelector?: LabelSelector;
  readonly optional?: boolean;
}

/** Where key and certificates go: into one file or into one each. */
export interface PodCertificateSource {
  readonly signerName: string;
  /** `RSA3072`, `RSA4096`, `ECDSAP256`, `ECDSAP384`, `ECDSAP521` or `ED25519`. */
  readonly keyType: string;
  readonly maxExpirationSeconds?: number;
  readonly credentialBundlePath?: string;
  readonly keyPath?: string;
  readonly certificateChainPath?: string;
  readonly userAnnotations?: Readonly<Record<string, string>>;
}

/** One entry of a projected volume; exactly one field is set. */
export interface ProjectionSource {
  readonly configMap?: Omit<ConfigMapSource, 'defaultMode'>;
  readonly secret?: Omit<ConfigMapSource, 'defaultMode'>;
  readonly downwardAPI?: Omit<DownwardAPISource, 'defaultMode'>;
  readonly serviceAccountToken?: ServiceAccountTokenSource;
  readonly clusterTrustBundle?: ClusterTrustBundleSource;
  readonly podCertificate?: PodCertificateSource;
}

export interface ProjectedSource {
  readonly sources?: readonly ProjectionSource[];
  readonly defaultMode?: number;
}

/** Volumes whose files are made of API content and follow it while the pod runs. */
export type ContentVolume =
  | { readonly kind: 'configMap'; readonly source: ConfigMapSource }
  | { readonly kind: 'secret'; readonly source: SecretSource }
  | { readonly kind: 'downwardAPI'; readonly source: DownwardAPISource }
  | { readonly kind: 'projected'; readonly source: ProjectedSource };

export type VolumeSource =
  | { readonly kind: 'emptyDir'; readonly source: EmptyDirSource }
  | { readonly kind: 'hostPath'; readonly source: HostPathSource }
  | { readonly kind: 'nfs'; readonly source: NfsSource }
  | { readonly kind: 'persistentVolumeClaim'; readonly source: ClaimSource }
  /** A claim made for this volume of this pod; its name follows from theirs. */
  | { readonly kind: 'ephemeral' }
  | { readonly kind: 'image'; readonly source: ImageSource }
  | ContentVolume
  | { readonly kind: 'unsupported'; readonly field: string };

/** Why a volume of a kind that is not served cannot be had; names the driver where there is one. */
export function unservedProblem(field: string, source: unknown, { isBlock }: { isBlock: boolean }): string {
  // The API server admits no source that is not an object.
  const { driver } = (source ?? {}) as { readonly driver?: unknown };
  const ofDriver = typeof driver === 'string' ? ` (driver ${driver})` : '';
  return `volume kind ${field}${ofDriver}${isBlock ? ' with volumeMode Block' : ''} is not supported by this node`;
}

/** What kind of volume this is; the fields inside were validated by the API server. */
export function parseVolumeSource(volume: Volume): VolumeSource {
  const field = Object.keys(volume).find(key => key !== 'name' && volume[key] != null);
  // Each `as`: the API server admits no object whose field has another shape.
  switch (field) {
    case undefined: // the API server's default, missing in a static pod
      return { kind: 'emptyDir', source: {} };
    case 'emptyDir':
      return { kind: field, source: volume[field] as EmptyDirSource };
    case 'hostPath':
      return { kind: field, source: volume[field] as HostPathSource };
    case 'nfs':
      return { kind: field, source: volume[field] as NfsSource };
    case 'persistentVolumeClaim':
      return { kind: field, source: volume[field] as ClaimSource };
    case 'image':
      return { kind: field, source: volume[field] as ImageSource };
    case 'ephemeral':
      return { kind: field };
    case 'configMap':
      return { kind: field, source: volume[field] as ConfigMapSource };
    case 'secret':
      return { kind: field, source: volume[field] as SecretSource };
    case 'downwardAPI':
      return { kind: field, source: volume[field] as DownwardAPISource };
    case 'projected':
      return { kind: field, source: volume[field] as ProjectedSource };
    default:
      return { kind: 'unsupported', field };
  }
}
