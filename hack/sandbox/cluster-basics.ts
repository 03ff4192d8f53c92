import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { CHECKOUT } from './paths.ts';
import type { ClusterPki } from './pki/cluster-pki.ts';

/** What kubeadm gives a new cluster: the rights of nodes, of joining machines and of the API server towards nodes. */
export async function applyClusterBasics(
  kubectl: (args: readonly string[], options: { input: string }) => Promise<unknown>,
  pki: ClusterPki,
): Promise<void> {
  const rights = await readFile(join(CHECKOUT, 'hack', 'manifests', 'cluster-rights.yaml'), 'utf8');
  const input = `${rights}\n---\n${stringify(buildClusterInfo(pki))}`;
  await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
}

/** The public ConfigMap by which a joining machine finds the cluster; the bootstrap signer signs it. */
function buildClusterInfo({ server, authority }: ClusterPki): object {
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: '',
        cluster: {
          server,
          'certificate-authority-data': Buffer.from(authority.certificate).toString('base64'),
        },
      },
    ],
  };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cluster-info', namespace: 'kube-public' },
    data: { kubeconfig: stringify(kubeconfig) },
  };
}
