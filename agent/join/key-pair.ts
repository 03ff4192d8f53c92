// A certificate (with its chain) and its key, and what the certificate says about itself.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { InvalidError } from '../lib/errors.ts';
import { certificateBlocks, privateKeyBlock } from '../lib/pem.ts';
import type { SubjectAltNames } from './certificate-request.ts';
import type { CertificateFacts } from './plan-rotation.ts';

export interface KeyPair {
  /** PEM: the certificate first, then its chain. */
  readonly certificate: string;
  readonly key: string;
  /** CN of the subject, e.g. `system:node:worker-1`. */
  readonly commonName: string;
  readonly facts: CertificateFacts;
}

/** Reads the pair out of one PEM text; throws InvalidError when the two do not belong together. */
export function parseKeyPair(pem: string): KeyPair {
  const certificate = certificateBlocks(pem)
    .map(block => `${block}\n`)
    .join('');
  const key = privateKeyBlock(pem)?.concat('\n');
  if (certificate === '') throw new InvalidError('no certificate in it', { code: 'NoCertificate' });
  if (key === undefined) throw new InvalidError('no private key in it', { code: 'NoPrivateKey' });
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(createPrivateKey(key))) {
    throw new InvalidError('the key does not belong to the certificate', { code: 'KeyMismatch' });
  }
  return {
    certificate,
    key,
    commonName: /^CN=(.*)$/m.exec(parsed.subject)?.[1] ?? '',
    facts: {
      notBeforeMs: parsed.validFromDate.getTime(),
      notAfterMs: parsed.validToDate.getTime(),
      names: parseNames(parsed.subjectAltName ?? ''),
      spread: Number.parseInt(parsed.fingerprint256.replaceAll(':', '').slice(0, 8), 16) / 0xffff_ffff,
    },
  };
}

/** `DNS:worker-1, IP Address:10.0.0.7`, as OpenSSL prints it. */
function parseNames(text: string): SubjectAltNames {
  const parts = text.split(', ');
  const after = (prefix: string): string[] =>
    parts.filter(part => part.startsWith(prefix)).map(part => part.slice(prefix.length));
  return { dnsNames: after('DNS:'), ips: after('IP Address:').map(ip => ipaddr.parse(ip).toString()) };
}
