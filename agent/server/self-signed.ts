// A certificate that vouches for itself, for a node that was given none: kube-apiserver without
// `--kubelet-certificate-authority` takes it. Kept in the certificate directory under the kubelet's names.

import { mkdir } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { pathExists } from '../lib/if-there.ts';
import type { Logger } from '../lib/logger.ts';
import { generateKeyPair, privateKeyPem, signCertificate } from '../lib/x509.ts';
import { type CertificatePair, type PairPaths, readPair } from './serving-certificate.ts';

const YEAR_MS = 365 * 86_400_000;
const CLOCK_SKEW_MS = 3_600_000; // as the kubelet's: an hour back, for clients that are late

export interface SelfSignedSubject {
  readonly nodeName: string;
  readonly nowMs: number;
  /** IPv4 addresses the node is reached by. */
  readonly addresses: readonly string[];
}

/** `kubelet.crt` and `kubelet.key` in the directory, made unless they are there and can be used. */
export async function ensureSelfSigned(
  certDir: string,
  subject: SelfSignedSubject,
  logger: Logger,
): Promise<PairPaths> {
  const paths = { certFile: join(certDir, 'kubelet.crt'), keyFile: join(certDir, 'kubelet.key') };
  if (await pathExists(paths.certFile)) {
    try {
      await readPair(paths);
      return paths;
    } catch (error) {
      // Nobody but us made it, so nobody is waited for: without it there would be no agent at all.
      logger.warn({ ...paths, err: error }, 'the self-signed serving certificate is made anew');
    }
  }
  const { cert, key } = makeSelfSigned(subject);
  await mkdir(certDir, { recursive: true, mode: 0o755 });
  await writeFileAtomic(paths.keyFile, key, 0o600);
  await writeFileAtomic(paths.certFile, cert, 0o644); // last: where it is, its key is too
  return paths;
}

export function makeSelfSigned({ nodeName, nowMs, addresses }: SelfSignedSubject): CertificatePair {
  const { publicKey, privateKey } = generateKeyPair();
  const name = { commonName: `${nodeName}@${Math.floor(nowMs / 1000)}` };
  const ips = addresses.filter(isIPv4).map(address => ({ ip: ipaddr.parse(address).toByteArray() }));
  const cert = signCertificate({
    issuer: name,
    issuerKey: privateKey,
    subject: name,
    publicKey,
    notBefore: new Date(nowMs - CLOCK_SKEW_MS),
    notAfter: new Date(nowMs + YEAR_MS),
    usages: ['server'],
    names: [{ dns: nodeName }, ...ips],
  });
  return { cert, key: privateKeyPem(privateKey) };
}
