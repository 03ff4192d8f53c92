import { createPrivateKey } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import {
  type DistinguishedName,
  type GeneralName,
  generateKeyPair,
  privateKeyPem,
  signCertificate,
} from '../../../agent/lib/x509.ts';

/** A certificate and its key, both PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateAuthority extends KeyedCertificate {
  readonly name: string;
}

export interface CertificateRequest extends DistinguishedName {
  readonly usages: readonly ('client' | 'server')[];
  /** IP addresses and DNS names. */
  readonly subjectAltNames?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const YEAR_MS = 365 * 24 * 3_600_000;
const CLOCK_SKEW_MS = 300_000; // valid a little earlier than made, as certificates usually are

export function createCertificateAuthority(name: string): CertificateAuthority {
  const { publicKey, privateKey } = generateKeyPair();
  const certificate = signCertificate({
    issuer: { commonName: name },
    issuerKey: privateKey,
    subject: { commonName: name },
    publicKey,
    notBefore: new Date(Date.now() - CLOCK_SKEW_MS),
    notAfter: new Date(Date.now() + 10 * YEAR_MS),
    usages: 'authority',
  });
  return { name, certificate, key: privateKeyPem(privateKey) };
}

export function issueCertificate(
  authority: CertificateAuthority,
  request: CertificateRequest,
): KeyedCertificate {
  const { publicKey, privateKey } = generateKeyPair();
  const certificate = signCertificate({
    issuer: { commonName: authority.name },
    issuerKey: createPrivateKey(authority.key),
    subject: request,
    publicKey,
    notBefore: request.notBefore ?? new Date(Date.now() - CLOCK_SKEW_MS),
    notAfter: request.notAfter ?? new Date(Date.now() + YEAR_MS),
    usages: request.usages,
    names: (request.subjectAltNames ?? []).map(generalName),
  });
  return { certificate, key: privateKeyPem(privateKey) };
}

function generalName(name: string): GeneralName {
  return ipaddr.isValid(name) ? { ip: ipaddr.parse(name).toByteArray() } : { dns: name };
}
