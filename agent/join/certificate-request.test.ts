import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import t from 'tap';
import { encodeCertificateRequest, generateKeyPem, NO_NAMES, toPem } from './certificate-request.ts';

/** What OpenSSL reads in it; it also verifies the signature. */
function read(pem: string): string {
  return execFileSync('openssl', ['req', '-noout', '-text', '-verify'], { input: pem, encoding: 'utf8' });
}

const subject = { commonName: 'system:node:worker-1', organizations: ['system:nodes'] };

t.test('encodeCertificateRequest() makes what OpenSSL reads', async t => {
  const key = createPrivateKey(generateKeyPem());
  const client = read(toPem('CERTIFICATE REQUEST', encodeCertificateRequest(key, subject, NO_NAMES)));
  t.match(client, /Subject: O ?= ?system:nodes, CN ?= ?"?system:node:worker-1/);
  t.notMatch(client, 'Alternative Name');

  const names = { dnsNames: ['worker-1'], ips: ['10.0.0.7', 'fd00::7'] };
  const server = read(toPem('CERTIFICATE REQUEST', encodeCertificateRequest(key, subject, names)));
  t.match(server, 'DNS:worker-1, IP Address:10.0.0.7, IP Address:FD00:0:0:0:0:0:0:7');
});
