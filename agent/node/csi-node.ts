// The CSINode object that belongs to every Node: without it the kubelet's node is not Ready, and the attach/detach
// controller and the scheduler take the node for one without CSI (kubelet: volume/csi/nodeinfomanager).
import type { ApiClient } from '../api/client.ts';
import type { KubeObject } from '../api/objects.ts';
import { AlreadyExistsError, NotFoundError } from '../lib/errors.ts';

const PATH = '/apis/storage.k8s.io/v1/csinodes';

// In-tree volume plugins whose work has moved to CSI drivers; this says that the node agrees.
const MIGRATED_PLUGINS = [
  'kubernetes.io/aws-ebs',
  'kubernetes.io/azure-disk',
  'kubernetes.io/azure-file',
  'kubernetes.io/cinder',
  'kubernetes.io/gce-pd',
  'kubernetes.io/portworx-volume',
  'kubernetes.io/vsphere-volume',
];

interface Options {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** One that a former Node of our name left behind is replaced. */
export async function ensureCSINode(
  api: ApiClient,
  node: { readonly name: string; readonly uid: string },
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const options = { signal, timeoutMs: 10_000 };
  const path = `${PATH}/${encodeURIComponent(node.name)}`;
  const present = await find(api, path, options);
  const isOurs = (present?.metadata.ownerReferences ?? []).some(
    owner => owner.kind === 'Node' && owner.name === node.name && owner.uid === node.uid,
  );
  if (isOurs) return;
  if (present) await api.delete(path, undefined, options);
  try {
    await api.create(PATH, buildCSINode(node), options);
  } catch (error) {
    // The garbage collector or an earlier try of ours was in between; the caller comes again.
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
}

function buildCSINode({ name, uid }: { readonly name: string; readonly uid: string }): object {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: {
      name,
      annotations: { 'storage.alpha.kubernetes.io/migrated-plugins': MIGRATED_PLUGINS.join(',') },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
    },
    spec: { drivers: [] },
  };
}

async function find(api: ApiClient, path: string, options: Options): Promise<KubeObject | undefined> {
  try {
    return await api.get<KubeObject>(path, options);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
