import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIP } from 'node:net';
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
} from '../../../agent/lib/der.ts';

/** A certificate and its key, both PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateAuthority extends KeyedCertificate {
  readonly name: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly usages: readonly ('client' | 'server')[];
  /** IP addresses and DNS names. */
  readonly subjectAltNames?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const YEAR_MS = 365 * 24 * 3_600_000;
const CLOCK_SKEW_MS = 300_000; // valid a little earlier than made, as certificates usually are

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSHA256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

// RFC 5280 4.2.1.3, first bit on the left.
const DIGITAL_SIGNATURE = bitString(Buffer.from([0b1000_0000]), 7);
const SIGNATURE_AND_CERTIFICATES = bitString(Buffer.from([0b1000_0110]), 1);

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function generateKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}

export function createCertificateAuthority(name: string): CertificateAuthority {
  const { publicKey, privateKey } = generateKeyPair();
  const certificate = buildCertificate({
    issuer: { name, key: privateKey },
    publicKey,
    subject: distinguishedName(name, []),
    notBefore: new Date(Date.now() - CLOCK_SKEW_MS),
    notAfter: new Date(Date.now() + 10 * YEAR_MS),
    extensions: [
      extension(OID.basicConstraints, sequence(boolean(true)), 'critical'),
      extension(OID.keyUsage, SIGNATURE_AND_CERTIFICATES, 'critical'),
    ],
  });
  return { name, certificate, key: privateKeyPem(privateKey) };
}

export function issueCertificate(
  authority: CertificateAuthority,
  request: CertificateRequest,
): KeyedCertificate {
  const { publicKey, privateKey } = generateKeyPair();
  const certificate = buildCertificate({
    issuer: { name: authority.name, key: authority.key },
    publicKey,
    subject: distinguishedName(request.commonName, request.organizations ?? []),
    notBefore: request.notBefore ?? new Date(Date.now() - CLOCK_SKEW_MS),
    notAfter: request.notAfter ?? new Date(Date.now() + YEAR_MS),
    extensions: [
      extension(OID.basicConstraints, sequence(), 'critical'),
      extension(OID.keyUsage, DIGITAL_SIGNATURE, 'critical'),
      extension(
        OID.extendedKeyUsage,
        sequence(...request.usages.map(usage => objectIdentifier(OID[`${usage}Auth`]))),
      ),
      extension(
        OID.authorityKeyIdentifier,
        sequence(implicit(0, keyIdentifier(createPublicKey(authority.key)))),
      ),
      ...(request.subjectAltNames?.length
        ? [extension(OID.subjectAltName, sequence(...request.subjectAltNames.map(generalName)))]
        : []),
    ],
  });
  return { certificate, key: privateKeyPem(privateKey) };
}

function buildCertificate(parts: {
  readonly issuer: { readonly name: string; readonly key: KeyObject | string };
  readonly publicKey: KeyObject;
  readonly subject: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
}): string {
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSHA256));
  const keyInfo = parts.publicKey.export({ type: 'spki', format: 'der' });
  const subjectKey = extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(parts.publicKey)));
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))), // X.509 version 3
    integer(serialNumber()),
    algorithm,
    distinguishedName(parts.issuer.name, []),
    sequence(time(parts.notBefore), time(parts.notAfter)),
    parts.subject,
    keyInfo,
    explicit(3, sequence(...parts.extensions, subjectKey)),
  );
  const certificate = sequence(body, algorithm, bitString(sign('sha256', body, parts.issuer.key)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Positive and never starting with a zero byte, so it is its own shortest encoding. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes;
}

function distinguishedName(commonName: string, organizations: readonly string[]): Buffer {
  const attribute = (oid: string, value: string) => set(sequence(objectIdentifier(oid), utf8String(value)));
  return sequence(
    ...organizations.map(organization => attribute(OID.organization, organization)),
    attribute(OID.commonName, commonName),
  );
}

function extension(oid: string, value: Buffer, criticality?: 'critical'): Buffer {
  return sequence(objectIdentifier(oid), ...(criticality ? [boolean(true)] : []), octetString(value));
}

function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}

function generalName(name: string): Buffer {
  if (isIP(name) === 4) return implicit(7, Buffer.from(name.split('.').map(Number)));
  if (isIP(name) === 6) throw new Error(`IPv6 subject alternative names are not written yet: ${name}`);
  return implicit(2, Buffer.from(name));
}
