import { stringify } from 'yaml';
import type { KeyedCertificate } from './pki/certificate.ts';

export interface KubeconfigSpec {
  readonly server: string;
  readonly authorityCertificate: string;
  readonly user: string;
  readonly client: KeyedCertificate;
}

/** A kubeconfig that carries its certificates in itself. */
export function buildKubeconfig({ server, authorityCertificate, user, client }: KubeconfigSpec): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'sandbox', cluster: { server, 'certificate-authority-data': base64(authorityCertificate) } },
    ],
    users: [
      {
        name: user,
        user: {
          'client-certificate-data': base64(client.certificate),
          'client-key-data': base64(client.key),
        },
      },
    ],
    contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user } }],
    'current-context': 'sandbox',
  });
}
