import { createSecureContext } from 'node:tls';
import t from 'tap';
import { readTlsSettings } from './tls-settings.ts';

void t.test('readTlsSettings()', async t => {
  t.strictSame(readTlsSettings({ tlsMinVersion: undefined, tlsCipherSuites: [] }), { minVersion: 'TLSv1.2' });
  const settings = readTlsSettings({
    tlsMinVersion: 'VersionTLS13',
    tlsCipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'],
  });
  t.equal(settings.minVersion, 'TLSv1.3');
  t.match(settings.ciphers, /^TLS_AES.*:ECDHE-RSA-AES128-GCM-SHA256$/);
  t.ok(createSecureContext(settings), 'OpenSSL knows them');
});

void t.test('readTlsSettings() serves nothing weaker by mistake', async t => {
  t.throws(() => readTlsSettings({ tlsMinVersion: 'TLS1.3', tlsCipherSuites: [] }), {
    code: 'UnknownTLSSetting',
  });
  t.throws(() => readTlsSettings({ tlsMinVersion: undefined, tlsCipherSuites: ['NULL'] }), {
    code: 'UnknownTLSSetting',
  });
});
