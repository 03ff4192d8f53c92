// A certificate that vouches for itself, for a node that was given none: kube-apiserver without
// `--kubelet-certificate-authority` takes it. Kept in the certificate directory under the kubelet's names.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from '../lib/der.ts';
import type { CertificatePair } from './serving-certificate.ts';

const YEAR_MS = 365 * 86_400_000;
const CLOCK_SKEW_MS = 3_600_000; // as the kubelet's: an hour back, for clients that are late
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

export interface SelfSignedSubject {
  readonly nodeName: string;
  readonly nowMs: number;
  /** IPv4 addresses the node is reached by. */
  readonly addresses: readonly string[];
}

/** `kubelet.crt` and `kubelet.key` in the directory, made unless they are there. */
export async function ensureSelfSigned(
  certDir: string,
  subject: SelfSignedSubject,
): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const paths = { certFile: join(certDir, 'kubelet.crt'), keyFile: join(certDir, 'kubelet.key') };
  const isThere = await stat(paths.certFile).then(
    () => true,
    () => false,
  );
  if (isThere) return paths;
  const { cert, key } = buildSelfSigned(subject);
  await mkdir(certDir, { recursive: true, mode: 0o755 });
  await writeFileAtomic(paths.keyFile, key, 0o600);
  await writeFileAtomic(paths.certFile, cert, 0o644); // last: where it is, its key is too
  return paths;
}

export function buildSelfSigned({ nodeName, nowMs, addresses }: SelfSignedSubject): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(
    set(sequence(objectIdentifier('2.5.4.3'), utf8String(`${nodeName}@${Math.floor(nowMs / 1000)}`))),
  );
  const names = [
    implicit(2, Buffer.from(nodeName)),
    ...addresses.filter(isIPv4).map(address => implicit(7, Buffer.from(address.split('.').map(Number)))),
  ];
  const extensions = [
    extension('2.5.29.19', sequence(), { isCritical: true }), // basicConstraints: no authority
    extension('2.5.29.15', bitString(Buffer.from([0b1000_0000]), 7), { isCritical: true }), // digitalSignature
    extension('2.5.29.37', sequence(objectIdentifier(SERVER_AUTH))),
    extension('2.5.29.17', sequence(...names)),
  ];
  const algorithm = sequence(objectIdentifier(ECDSA_WITH_SHA256));
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))), // X.509 version 3
    integer(positive(randomBytes(16))),
    algorithm,
    name,
    sequence(time(new Date(nowMs - CLOCK_SKEW_MS)), time(new Date(nowMs + YEAR_MS))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  );
  const certificate = sequence(body, algorithm, bitString(sign('sha256', body, privateKey)));
  return { cert: pem(certificate), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

function extension(oid: string, value: Buffer, { isCritical = false } = {}): Buffer {
  return sequence(objectIdentifier(oid), ...(isCritical ? [boolean(true)] : []), octetString(value));
}

/** No sign bit and no leading zero: its own shortest encoding. */
function positive(bytes: Buffer): Buffer {
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes;
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
