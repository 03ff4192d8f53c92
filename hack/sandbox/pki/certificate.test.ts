import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { createCertificateAuthority, issueCertificate } from './certificate.ts';

const authority = createCertificateAuthority('test-ca');

void t.test('createCertificateAuthority() makes a self-signed authority', async t => {
  const certificate = new X509Certificate(authority.certificate);
  t.equal(certificate.ca, true);
  t.equal(certificate.subject, 'CN=test-ca');
  t.ok(certificate.verify(certificate.publicKey));
});

void t.test('issueCertificate() makes a certificate that its authority vouches for', async t => {
  const { certificate: pem } = issueCertificate(authority, {
    commonName: 'system:node:node-1',
    organizations: ['system:nodes'],
    usages: ['client', 'server'],
    subjectAltNames: ['10.0.0.1', 'node-1'],
  });
  const certificate = new X509Certificate(pem);
  t.ok(certificate.checkIssued(new X509Certificate(authority.certificate)));
  t.ok(certificate.verify(new X509Certificate(authority.certificate).publicKey));
  t.equal(certificate.subject, 'O=system:nodes\nCN=system:node:node-1');
  t.equal(certificate.subjectAltName, 'IP Address:10.0.0.1, DNS:node-1');
  t.equal(certificate.checkIP('10.0.0.1'), '10.0.0.1');
  t.strictSame(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
});

void t.test('issueCertificate() can make a certificate that has expired', async t => {
  const { certificate } = issueCertificate(authority, {
    commonName: 'late',
    usages: ['client'],
    notBefore: new Date('2001-01-01T00:00:00Z'),
    notAfter: new Date('2002-01-01T00:00:00Z'),
  });
  t.equal(new X509Certificate(certificate).validTo, 'Jan  1 00:00:00 2002 GMT');
});
