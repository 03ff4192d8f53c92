// PersistentVolumes and their claims (core/v1), as far as the agent acts on them.
import type { KubeObject, NodeSelectorTerm, Quantity } from './objects.ts';

export interface PersistentVolumeClaim extends KubeObject {
  readonly spec: { readonly volumeName?: string; readonly volumeMode?: string };
  readonly status?: { readonly phase?: string };
}

export interface PersistentVolumeSpec {
  readonly capacity?: Readonly<Record<string, Quantity>>;
  readonly accessModes?: readonly string[];
  /** `Filesystem` (default) or `Block`. */
  readonly volumeMode?: string;
  readonly claimRef?: { readonly uid?: string };
  readonly mountOptions?: readonly string[];
  readonly nodeAffinity?: { readonly required?: { readonly nodeSelectorTerms: readonly NodeSelectorTerm[] } };
  readonly hostPath?: { readonly path: string; readonly type?: string };
  readonly local?: { readonly path: string; readonly fsType?: string };
  readonly nfs?: { readonly server: string; readonly path: string; readonly readOnly?: boolean };
  /** One of the sources above, or one that the agent does not serve. */
  readonly [source: string]: unknown;
}

export interface PersistentVolume extends KubeObject {
  readonly spec: PersistentVolumeSpec;
}
