// The kubeconfigs that we read for their certificate, and those that we write: in the kubelet's form.

import { readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { ClusterConfig, Kubeconfig, Material } from '../api/kubeconfig.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { privateKeyBlock } from '../lib/pem.ts';
import { type KeyPair, parseKeyPair } from './key-pair.ts';

export type KubeconfigUser =
  | { readonly kind: 'pem'; readonly path: string }
  | { readonly kind: 'token'; readonly token: string };

/** The client certificate with its key; undefined for a user of another kind. */
export async function readClientPair({ user }: Kubeconfig): Promise<KeyPair | undefined> {
  if (user.clientCertificate === undefined || user.clientKey === undefined) return undefined;
  const [certificate, key] = await Promise.all([user.clientCertificate, user.clientKey].map(readMaterial));
  // Both files may hold both; of the second only the key counts.
  return parseKeyPair(`${certificate}\n${privateKeyBlock(key ?? '') ?? ''}`);
}

export async function writeKubeconfig(
  path: string,
  cluster: ClusterConfig,
  user: KubeconfigUser,
): Promise<void> {
  await writeFileAtomic(path, formatKubeconfig(cluster, user), 0o600);
}

function formatKubeconfig(cluster: ClusterConfig, user: KubeconfigUser): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'default-cluster', cluster: formatCluster(cluster) }],
    users: [{ name: 'default-auth', user: formatUser(user) }],
    contexts: [
      {
        name: 'default-context',
        context: { cluster: 'default-cluster', namespace: 'default', user: 'default-auth' },
      },
    ],
    'current-context': 'default-context',
  });
}

function formatCluster({ server, ca, isInsecure, tlsServerName }: ClusterConfig): object {
  return {
    ...(ca?.kind === 'file' ? { 'certificate-authority': ca.path } : {}),
    ...(ca?.kind === 'data'
      ? { 'certificate-authority-data': Buffer.from(ca.content).toString('base64') }
      : {}),
    ...(isInsecure ? { 'insecure-skip-tls-verify': true } : {}),
    ...(tlsServerName === undefined ? {} : { 'tls-server-name': tlsServerName }),
    server,
  };
}

function formatUser(user: KubeconfigUser): object {
  if (user.kind === 'token') return { token: user.token };
  return { 'client-certificate': user.path, 'client-key': user.path };
}

async function readMaterial(material: Material): Promise<string> {
  return material.kind === 'data' ? material.content : await readFile(material.path, 'utf8');
}
