// The certificates, keys and kubeconfigs of one cluster, named as kubeadm names them. Made once per sandbox.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ifThere, pathExists } from '../../../agent/lib/if-there.ts';
import { generateKeyPair, privateKeyPem } from '../../../agent/lib/x509.ts';
import { buildKubeconfig } from '../kubeconfig.ts';
import {
  type CertificateAuthority,
  type CertificateRequest,
  createCertificateAuthority,
  issueCertificate,
} from './certificate.ts';

export interface ClusterPki {
  readonly directory: string;
  readonly authority: CertificateAuthority;
  readonly server: string;
}

const AUTHORITY_NAME = 'kubernetes';
const FRONT_PROXY_AUTHORITY_NAME = 'front-proxy-ca';
const KUBERNETES_SERVICE_ADDRESS = '10.96.0.1'; // first of the service range

/** Makes whatever is missing in `directory`. `address` is the API server's. */
export async function ensureClusterPki(directory: string, address: string): Promise<ClusterPki> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority = await ensureAuthority(directory, 'ca', AUTHORITY_NAME);
  const frontProxy = await ensureAuthority(directory, 'front-proxy-ca', FRONT_PROXY_AUTHORITY_NAME);
  const pki = { directory, authority, server: `https://${address}:6443` };

  await ensureCertificate(directory, 'apiserver', authority, {
    commonName: 'kube-apiserver',
    usages: ['server'],
    subjectAltNames: [
      address,
      KUBERNETES_SERVICE_ADDRESS,
      '127.0.0.1',
      'localhost',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
    ],
  });
  await ensureCertificate(directory, 'apiserver-kubelet-client', authority, {
    commonName: 'kube-apiserver-kubelet-client',
    usages: ['client'],
  });
  await ensureCertificate(directory, 'front-proxy-client', frontProxy, {
    commonName: 'front-proxy-client',
    usages: ['client'],
  });
  await ensureServiceAccountKeys(directory);
  await ensureEncryptionConfig(directory);
  await ensureKubeconfig(pki, 'admin', { commonName: 'kubernetes-admin', organizations: ['system:masters'] });
  await ensureKubeconfig(pki, 'controller-manager', { commonName: 'system:kube-controller-manager' });
  await ensureKubeconfig(pki, 'scheduler', { commonName: 'system:kube-scheduler' });
  return pki;
}

/** A node's kubeconfig and the serving certificate of its node API. */
export async function ensureNodePki(pki: ClusterPki, nodeName: string, address: string): Promise<void> {
  await ensureKubeconfig(pki, nodeName, {
    commonName: `system:node:${nodeName}`,
    organizations: ['system:nodes'],
  });
  await ensureCertificate(pki.directory, `${nodeName}-serving`, pki.authority, {
    commonName: `system:node:${nodeName}`,
    organizations: ['system:nodes'],
    usages: ['server'],
    subjectAltNames: [address, nodeName],
  });
}

export function kubeconfigPath(pkiDirectory: string, user: string): string {
  return join(pkiDirectory, `${user}.kubeconfig`);
}

async function ensureAuthority(directory: string, file: string, name: string): Promise<CertificateAuthority> {
  const path = join(directory, file);
  const [certificate, key] = await Promise.all([
    ifThere(readFile(`${path}.crt`, 'utf8')),
    ifThere(readFile(`${path}.key`, 'utf8')),
  ]);
  if (certificate !== undefined && key !== undefined) return { name, certificate, key };
  const authority = createCertificateAuthority(name);
  await writePair(path, authority.certificate, authority.key);
  return authority;
}

async function ensureCertificate(
  directory: string,
  file: string,
  authority: CertificateAuthority,
  request: CertificateRequest,
): Promise<void> {
  const path = join(directory, file);
  if (await pathExists(`${path}.crt`)) return;
  const { certificate, key } = issueCertificate(authority, request);
  await writePair(path, certificate, key);
}

async function ensureKubeconfig(
  { directory, authority, server }: ClusterPki,
  name: string,
  subject: Pick<CertificateRequest, 'commonName' | 'organizations'>,
): Promise<void> {
  const path = kubeconfigPath(directory, name);
  if (await pathExists(path)) return;
  const client = issueCertificate(authority, { ...subject, usages: ['client'] });
  const text = buildKubeconfig({
    server,
    authorityCertificate: authority.certificate,
    user: subject.commonName,
    client,
  });
  await writeFile(path, text, { mode: 0o600 });
}

async function ensureServiceAccountKeys(directory: string): Promise<void> {
  const path = join(directory, 'service-account');
  if (await pathExists(`${path}.pub`)) return;
  const { publicKey, privateKey } = generateKeyPair();
  await writeFile(`${path}.key`, privateKeyPem(privateKey), { mode: 0o600 });
  await writeFile(`${path}.pub`, publicKey.export({ type: 'spki', format: 'pem' }));
}

async function ensureEncryptionConfig(directory: string): Promise<void> {
  const path = join(directory, 'encryption.yaml');
  if (await pathExists(path)) return;
  const key = { name: 'key1', secret: randomBytes(32).toString('base64') };
  const config = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources: ['secrets'], providers: [{ aescbc: { keys: [key] } }, { identity: {} }] }],
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
}

/** The certificate comes last: where it is, its key is too. */
async function writePair(path: string, certificate: string, key: string): Promise<void> {
  await writeFile(`${path}.key`, key, { mode: 0o600 });
  await writeFile(`${path}.crt`, certificate);
}
