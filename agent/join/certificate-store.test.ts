import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { generateKeyPem } from './certificate-request.ts';
import { CertificateStore } from './certificate-store.ts';

const NOW_MS = Date.UTC(2026, 0, 31, 12);

/** A self-signed certificate for a key. */
function certify(key: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'nodelet-store-'));
  const file = join(directory, 'key.pem');
  writeFileSync(file, key);
  const args = ['req', '-x509', '-key', file, '-days', '1', '-subj', '/O=system:nodes/CN=system:node:n'];
  const certificate = execFileSync('openssl', args, { encoding: 'utf8' });
  rmSync(directory, { recursive: true });
  return certificate;
}

t.test('replace() keeps the pair before the present one, and no more', async t => {
  const directory = join(t.testdir({}), 'pki');
  const store = new CertificateStore(directory, 'kubelet-client');
  t.equal(await store.readCurrent(), undefined);
  const keys = [generateKeyPem(), generateKeyPem(), generateKeyPem()];
  // All within a second: none takes another's place.
  for (const key of keys) await store.replace(certify(key), key, NOW_MS);
  t.strictSame(readdirSync(directory).sort(), [
    'kubelet-client-2026-01-31-12-00-01.pem',
    'kubelet-client-2026-01-31-12-00-02.pem',
    'kubelet-client-current.pem',
  ]);
  const current = await store.readCurrent();
  t.equal(current?.key, keys[2]);
  t.equal(current?.commonName, 'system:node:n');
});

t.test('a certificate of another key is not taken', async t => {
  const directory = t.testdir({});
  const store = new CertificateStore(directory, 'kubelet-client');
  await t.rejects(store.replace(certify(generateKeyPem()), generateKeyPem(), NOW_MS), {
    code: 'KeyMismatch',
  });
  t.strictSame(readdirSync(directory), []);
});

t.test('the key of a request outlives a restart', async t => {
  const directory = t.testdir({});
  const key = await new CertificateStore(directory, 'kubelet-client').ensurePendingKey();
  const store = new CertificateStore(directory, 'kubelet-client');
  t.equal(await store.ensurePendingKey(), key);
  t.equal(readFileSync(join(directory, 'kubelet-client.key.tmp'), 'utf8'), key);
  await store.dropPendingKey();
  t.not(await store.ensurePendingKey(), key);
});

t.test('half a key is made anew: no request could be made with it', async t => {
  const directory = t.testdir();
  const store = new CertificateStore(directory, 'kubelet-client');
  const key = await store.ensurePendingKey();
  for (const damaged of ['', key.slice(0, 80), `${key.slice(0, 80)}\n-----END PRIVATE KEY-----\n`]) {
    writeFileSync(join(directory, 'kubelet-client.key.tmp'), damaged);
    t.ok(createPrivateKey(await store.ensurePendingKey()));
  }
});
