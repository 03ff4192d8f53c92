import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { generateKeyPair, signCertificate, signCertificateRequest, toPem } from './x509.ts';

const authority = { name: { commonName: 'test-ca' }, ...generateKeyPair() };
const life = { notBefore: new Date('2026-05-01T00:00:00Z'), notAfter: new Date('2051-05-01T00:00:00Z') };
const names = [
  { dns: 'node-1' },
  { ip: [10, 0, 0, 7] },
  { ip: [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7] },
];

const authorityCertificate = new X509Certificate(
  signCertificate({
    ...life,
    issuer: authority.name,
    issuerKey: authority.privateKey,
    subject: authority.name,
    publicKey: authority.publicKey,
    usages: 'authority',
  }),
);

void t.test('signCertificate() makes an authority that vouches for itself', async t => {
  t.equal(authorityCertificate.ca, true);
  t.equal(authorityCertificate.subject, 'CN=test-ca');
  t.equal(authorityCertificate.validToDate.toISOString(), '2051-05-01T00:00:00.000Z');
  t.ok(authorityCertificate.verify(authority.publicKey));
});

void t.test('signCertificate() makes a certificate that its authority vouches for', async t => {
  const { publicKey, privateKey } = generateKeyPair();
  const pem = signCertificate({
    ...life,
    issuer: authority.name,
    issuerKey: authority.privateKey,
    subject: { commonName: 'system:node:node-1', organizations: ['system:nodes'] },
    publicKey,
    usages: ['server'],
    names,
  });
  const certificate = new X509Certificate(pem);
  t.ok(certificate.checkIssued(authorityCertificate));
  t.ok(certificate.verify(authority.publicKey));
  t.ok(certificate.checkPrivateKey(privateKey));
  t.equal(certificate.ca, false);
  t.equal(certificate.subject, 'O=system:nodes\nCN=system:node:node-1');
  t.equal(certificate.subjectAltName, 'DNS:node-1, IP Address:10.0.0.7, IP Address:FD00:0:0:0:0:0:0:7');
  t.strictSame(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
});

void t.test('signCertificateRequest() makes what OpenSSL reads and verifies', async t => {
  const { privateKey } = generateKeyPair();
  const subject = { commonName: 'system:node:worker-1', organizations: ['system:nodes'] };
  const read = (der: Buffer): string =>
    execFileSync('openssl', ['req', '-noout', '-text', '-verify'], {
      input: toPem('CERTIFICATE REQUEST', der),
      encoding: 'utf8',
    });
  const client = read(signCertificateRequest(privateKey, subject, []));
  t.match(client, /Subject: O ?= ?system:nodes, CN ?= ?"?system:node:worker-1/);
  t.notMatch(client, 'Alternative Name');
  const server = read(signCertificateRequest(privateKey, subject, names));
  t.match(server, 'DNS:node-1, IP Address:10.0.0.7, IP Address:FD00:0:0:0:0:0:0:7');
});
