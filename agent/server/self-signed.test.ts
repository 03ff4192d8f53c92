import { X509Certificate } from 'node:crypto';
import { readFile, truncate } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import t from 'tap';
import { createSilentLogger } from '../lib/logger.ts';
import { ensureSelfSigned, makeSelfSigned } from './self-signed.ts';
import { readPair } from './serving-certificate.ts';

const logger = createSilentLogger();
const subject = {
  nodeName: 'node-1',
  nowMs: Date.parse('2026-05-01T00:00:00Z'),
  addresses: ['10.0.0.7', 'fd00::1'],
};

void t.test('makeSelfSigned() makes a certificate for the name and its addresses', async t => {
  const pair = makeSelfSigned(subject);
  const certificate = new X509Certificate(pair.cert);
  t.ok(certificate.verify(certificate.publicKey));
  t.equal(certificate.ca, false);
  t.equal(certificate.subjectAltName, 'DNS:node-1, IP Address:10.0.0.7');
  t.equal(certificate.validToDate.toISOString(), '2027-05-01T00:00:00.000Z');
  t.ok(createSecureContext(pair), 'its key belongs to it');
});

void t.test('ensureSelfSigned() keeps what is there', async t => {
  const directory = t.testdir();
  const { certFile } = await ensureSelfSigned(directory, subject, logger);
  const first = await readFile(certFile, 'utf8');
  await ensureSelfSigned(directory, subject, logger);
  t.equal(await readFile(certFile, 'utf8'), first);
});

void t.test('ensureSelfSigned() replaces what cannot be used', async t => {
  const directory = t.testdir();
  for (const file of ['certFile', 'keyFile'] as const) {
    const paths = await ensureSelfSigned(directory, subject, logger);
    const before = await readFile(paths.certFile, 'utf8');
    await truncate(paths[file], 100);
    await ensureSelfSigned(directory, subject, logger);
    t.not(await readFile(paths.certFile, 'utf8'), before);
    await t.resolves(readPair(paths));
  }
});
