// A PKCS#10 request (RFC 2986) for a key of ours. Node makes keys and signatures, but no requests.

import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import {
  bitString,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  utf8String,
} from '../lib/der.ts';

export interface Subject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

export interface SubjectAltNames {
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
}

export const NO_NAMES: SubjectAltNames = { dnsNames: [], ips: [] };

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectAltName: '2.5.29.17',
  ecdsaWithSHA256: '1.2.840.10045.4.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',
} as const;

/** ECDSA P-256, as the kubelet's. */
export function generateKeyPem(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });
}

/** The request in DER, signed with the key it is for. */
export function encodeCertificateRequest(key: KeyObject, subject: Subject, names: SubjectAltNames): Buffer {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const info = sequence(
    integer(Buffer.from([0])), // version 1
    encodeSubject(subject),
    publicKey,
    explicit(0, ...encodeAttributes(names)),
  );
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSHA256));
  return sequence(info, algorithm, bitString(sign('sha256', info, key)));
}

export function toPem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function encodeSubject({ commonName, organizations }: Subject): Buffer {
  const attribute = (oid: string, value: string): Buffer =>
    set(sequence(objectIdentifier(oid), utf8String(value)));
  return sequence(
    ...organizations.map(organization => attribute(OID.organization, organization)),
    attribute(OID.commonName, commonName),
  );
}

function encodeAttributes({ dnsNames, ips }: SubjectAltNames): readonly Buffer[] {
  if (dnsNames.length + ips.length === 0) return [];
  const names = sequence(
    ...dnsNames.map(name => implicit(2, Buffer.from(name))),
    ...ips.map(ip => implicit(7, Buffer.from(ipaddr.parse(ip).toByteArray()))),
  );
  const extensions = sequence(sequence(objectIdentifier(OID.subjectAltName), octetString(names)));
  return [sequence(objectIdentifier(OID.extensionRequest), set(extensions))];
}
