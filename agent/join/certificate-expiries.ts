// How long the node's certificates last, for those who show it.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { readKubeconfig } from '../api/kubeconfig.ts';
import type { Config } from '../config/config.ts';
import { readClientPair } from './kubeconfig-file.ts';
import type { NodeCertificates } from './node-certificates.ts';

export interface CertificateExpiry {
  readonly name: 'client' | 'serving';
  readonly notAfterMs: number;
}

/** Those that can be read; who uses one that cannot has complained already. */
export async function readCertificateExpiries(
  { api, server }: Pick<Config, 'api' | 'server'>,
  certificates: Pick<NodeCertificates, 'clientPemPath' | 'serving'>,
): Promise<readonly CertificateExpiry[]> {
  const client = await (certificates.clientPemPath === undefined
    ? notAfterInKubeconfig(api.kubeconfigPath ?? '')
    : notAfterInFile(certificates.clientPemPath)
  ).catch(() => undefined);
  const serving =
    certificates.serving.current?.facts.notAfterMs ??
    (await notAfterInFile(server.tlsCertFile ?? `${api.certDir}/kubelet.crt`).catch(() => undefined));
  return [
    ...(client === undefined ? [] : [{ name: 'client' as const, notAfterMs: client }]),
    ...(serving === undefined ? [] : [{ name: 'serving' as const, notAfterMs: serving }]),
  ];
}

async function notAfterInKubeconfig(path: string): Promise<number | undefined> {
  return (await readClientPair(await readKubeconfig(path)))?.facts.notAfterMs;
}

async function notAfterInFile(path: string): Promise<number> {
  return new X509Certificate(await readFile(path)).validToDate.getTime();
}
