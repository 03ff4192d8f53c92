// Certificates (RFC 5280) and requests for them (PKCS#10, RFC 2986) over any kind of key: Node makes keys and
// signatures, but neither of these.

import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  nothing,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

export interface DistinguishedName {
  /** Left out of the name when empty. */
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

/** A subject alternative name; an address as its 4 or 16 bytes. */
export type GeneralName = { readonly dns: string } | { readonly ip: Iterable<number> };

export interface CertificateParts {
  readonly issuer: DistinguishedName;
  /** The issuer's, which signs. */
  readonly issuerKey: KeyObject;
  readonly subject: DistinguishedName;
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** An authority's signs certificates, the others are for the given sides of TLS. */
  readonly usages: 'authority' | readonly ('client' | 'server')[];
  readonly names?: readonly GeneralName[];
}

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSHA256: '1.2.840.10045.4.3.2',
  sha256WithRSA: '1.2.840.113549.1.1.11',
  ed25519: '1.3.101.112',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',
} as const;

// RFC 5280 4.2.1.3, first bit on the left.
const DIGITAL_SIGNATURE = bitString(Buffer.from([0b1000_0000]), 7);
const SIGNATURE_AND_CERTIFICATES = bitString(Buffer.from([0b1000_0110]), 1);

interface SignatureAlgorithm {
  readonly identifier: Buffer;
  /** Undefined where it is a part of the algorithm. */
  readonly digest: 'sha256' | undefined;
}

function signatureAlgorithm({ asymmetricKeyType }: KeyObject): SignatureAlgorithm {
  switch (asymmetricKeyType) {
    case 'rsa':
      return { identifier: sequence(objectIdentifier(OID.sha256WithRSA), nothing()), digest: 'sha256' };
    case 'ed25519':
      return { identifier: sequence(objectIdentifier(OID.ed25519)), digest: undefined };
    default:
      return { identifier: sequence(objectIdentifier(OID.ecdsaWithSHA256)), digest: 'sha256' };
  }
}

/** ECDSA P-256, as the kubelet's. */
export function generateKeyPair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}

export function toPem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** A certificate in PEM. */
export function signCertificate(parts: CertificateParts): string {
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))), // X.509 version 3
    integer(serialNumber()),
    signatureAlgorithm(parts.issuerKey).identifier,
    encodeName(parts.issuer),
    sequence(time(parts.notBefore), time(parts.notAfter)),
    encodeName(parts.subject),
    encodePublicKey(parts.publicKey),
    explicit(3, sequence(...encodeExtensions(parts))),
  );
  return toPem('CERTIFICATE', signed(body, parts.issuerKey));
}

/** A request in DER, signed with the key it is for. */
export function signCertificateRequest(
  key: KeyObject,
  subject: DistinguishedName,
  names: readonly GeneralName[],
): Buffer {
  const request = sequence(objectIdentifier(OID.extensionRequest), set(sequence(encodeAltNames(names))));
  const info = sequence(
    integer(Buffer.from([0])), // version 1
    encodeName(subject),
    encodePublicKey(createPublicKey(key)),
    explicit(0, ...(names.length > 0 ? [request] : [])),
  );
  return signed(info, key);
}

function signed(body: Buffer, key: KeyObject): Buffer {
  const { identifier, digest } = signatureAlgorithm(key);
  return sequence(body, identifier, bitString(sign(digest, body, key)));
}

/** Positive and never starting with a zero byte, so it is its own shortest encoding. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes;
}

function encodeName({ commonName, organizations = [] }: DistinguishedName): Buffer {
  const attribute = (oid: string, value: string): Buffer =>
    set(sequence(objectIdentifier(oid), utf8String(value)));
  return sequence(
    ...organizations.map(organization => attribute(OID.organization, organization)),
    ...(commonName === '' ? [] : [attribute(OID.commonName, commonName)]),
  );
}

function encodePublicKey(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function encodeExtensions({ usages, names = [], publicKey, issuerKey }: CertificateParts): readonly Buffer[] {
  return [
    ...(usages === 'authority' ? authorityExtensions() : endExtensions(usages)),
    extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(publicKey))),
    extension(OID.authorityKeyIdentifier, sequence(implicit(0, keyIdentifier(createPublicKey(issuerKey))))),
    ...(names.length > 0 ? [encodeAltNames(names)] : []),
  ];
}

function authorityExtensions(): readonly Buffer[] {
  return [
    criticalExtension(OID.basicConstraints, sequence(boolean(true))),
    criticalExtension(OID.keyUsage, SIGNATURE_AND_CERTIFICATES),
  ];
}

function endExtensions(usages: readonly ('client' | 'server')[]): readonly Buffer[] {
  const purposes = usages.map(usage => objectIdentifier(OID[`${usage}Auth`]));
  return [
    criticalExtension(OID.basicConstraints, sequence()), // no authority
    criticalExtension(OID.keyUsage, DIGITAL_SIGNATURE),
    extension(OID.extendedKeyUsage, sequence(...purposes)),
  ];
}

function encodeAltNames(names: readonly GeneralName[]): Buffer {
  const encoded = names.map(name =>
    'dns' in name ? implicit(2, Buffer.from(name.dns)) : implicit(7, Buffer.from([...name.ip])),
  );
  return extension(OID.subjectAltName, sequence(...encoded));
}

function extension(oid: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(oid), octetString(value));
}

function criticalExtension(oid: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(oid), boolean(true), octetString(value));
}

/** Any unique digest of the key does (RFC 5280 4.2.1.2). */
function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha1').update(encodePublicKey(publicKey)).digest();
}
