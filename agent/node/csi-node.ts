// The CSINode object that belongs to every Node: without it the kubelet's node is not Ready, and the attach/detach
// controller and the scheduler take the node for one without CSI (kubelet: volume/csi/nodeinfomanager).
import type { ApiClient } from '../api/client.ts';
import type { KubeObject } from '../api/objects.ts';
import { Backoff } from '../lib/backoff.ts';
import { AlreadyExistsError, errorMessage, NotFoundError } from '../lib/errors.ts';
import { sleep } from '../lib/sleep.ts';

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

/** Returns when it is there. `onProblem` is told each failure, and undefined at the end. */
export async function untilCSINode(
  deps: {
    readonly api: ApiClient;
    readonly node: { readonly name: string; readonly uid: () => string };
    readonly onProblem: (problem: string | undefined) => void;
  },
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { api, node, onProblem } = deps;
  const backoff = new Backoff({ initialMs: 500, maxMs: 30_000, jitter: 0.5 });
  while (!signal.aborted) {
    try {
      await ensureCSINode(api, { name: node.name, uid: node.uid() }, { signal });
      onProblem(undefined);
      return;
    } catch (error) {
      if (signal.aborted) return;
      onProblem(`CSINode is not yet initialized: ${errorMessage(error)}`);
      await sleep(backoff.nextMs(), { signal });
    }
  }
}

/** One that a former Node of our name left behind is replaced. */
async function ensureCSINode(
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
