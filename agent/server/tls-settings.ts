// The kubelet's TLS settings in OpenSSL's words.

import type { SecureVersion } from 'node:tls';
import { InvalidError } from '../lib/errors.ts';

const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  VersionTLS10: 'TLSv1',
  VersionTLS11: 'TLSv1.1',
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
};

// Those that Go still offers (crypto/tls). The suites of TLS 1.3 cannot be chosen there, and are always on.
const CIPHERS: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
};

const TLS13_CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

export interface TlsSettings {
  readonly minVersion: SecureVersion;
  /** Undefined: Node's own choice. */
  readonly ciphers?: string;
}

/** Throws InvalidError for a name that nobody knows: weaker than asked for must not be served. */
export function readTlsSettings(config: {
  readonly tlsMinVersion: string | undefined;
  readonly tlsCipherSuites: readonly string[];
}): TlsSettings {
  const minVersion = VERSIONS[config.tlsMinVersion ?? 'VersionTLS12'];
  if (minVersion === undefined) {
    throw unknown('tlsMinVersion', config.tlsMinVersion ?? '', Object.keys(VERSIONS));
  }
  if (config.tlsCipherSuites.length === 0) return { minVersion };
  const ciphers = config.tlsCipherSuites.map(name => {
    const cipher = TLS13_CIPHERS.includes(name) ? name : CIPHERS[name];
    if (cipher === undefined)
      throw unknown('tlsCipherSuites', name, [...TLS13_CIPHERS, ...Object.keys(CIPHERS)]);
    return cipher;
  });
  return { minVersion, ciphers: [...new Set([...TLS13_CIPHERS, ...ciphers])].join(':') };
}

function unknown(field: string, value: string, known: readonly string[]): InvalidError {
  const message = `${field}: "${value}" is not known; it may be ${known.join(', ')}`;
  return new InvalidError(message, { code: 'UnknownTLSSetting' });
}
