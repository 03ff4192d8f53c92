import type { KeyObject } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import {
  type DistinguishedName,
  generateKeyPair,
  privateKeyPem,
  signCertificateRequest,
  toPem,
} from '../lib/x509.ts';

export interface SubjectAltNames {
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
}

export const NO_NAMES: SubjectAltNames = { dnsNames: [], ips: [] };

export function generateKeyPem(): string {
  return privateKeyPem(generateKeyPair().privateKey);
}

/** The request in PEM, signed with the key it is for. */
export function requestPem(key: KeyObject, subject: DistinguishedName, names: SubjectAltNames): string {
  const generalNames = [
    ...names.dnsNames.map(dns => ({ dns })),
    ...names.ips.map(ip => ({ ip: ipaddr.parse(ip).toByteArray() })),
  ];
  return toPem('CERTIFICATE REQUEST', signCertificateRequest(key, subject, generalNames));
}
