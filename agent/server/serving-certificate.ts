// What the server shows to its clients. Where it comes from may change while it serves.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext } from 'node:tls';
import { watchDirectory } from '../host/watch-directory.ts';
import { waitAborted } from '../lib/abort.ts';
import { InvalidError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

/** Certificate chain and key, PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface ServingCertificate {
  /** Undefined while there is none yet: handshakes fail until there is. */
  readonly current: () => CertificatePair | undefined;
  /** Follows its source until the signal aborts; calls back after each change. */
  readonly run: (onChange: () => void, options: { readonly signal: AbortSignal }) => Promise<void>;
}

export interface PairPaths {
  readonly certFile: string;
  readonly keyFile: string;
}

/** `tlsCertFile` and `tlsPrivateKeyFile`, read again whenever they change. */
export class CertificateFiles implements ServingCertificate {
  readonly #paths: PairPaths;
  readonly #logger: Logger;
  #current: CertificatePair;

  private constructor(paths: PairPaths, current: CertificatePair, logger: Logger) {
    this.#paths = paths;
    this.#current = current;
    this.#logger = logger;
  }

  /** Throws InvalidError when they cannot be served. */
  static async open(paths: PairPaths, logger: Logger): Promise<CertificateFiles> {
    return new CertificateFiles(paths, await readPair(paths), logger);
  }

  readonly current = (): CertificatePair => this.#current;

  readonly run: ServingCertificate['run'] = async (onChange, { signal }) => {
    const directories = new Set([dirname(this.#paths.certFile), dirname(this.#paths.keyFile)]);
    const follow = async (directory: string): Promise<void> => {
      for await (const _ of watchDirectory(directory, { signal })) await this.#readAgain(onChange);
    };
    await Promise.all([...directories].map(follow));
  };

  async #readAgain(onChange: () => void): Promise<void> {
    try {
      const next = await readPair(this.#paths);
      if (next.cert === this.#current.cert && next.key === this.#current.key) return;
      this.#current = next;
      const { validTo } = new X509Certificate(next.cert);
      this.#logger.info({ certFile: this.#paths.certFile, validTo }, 'serving certificate changed');
      onChange();
    } catch (error) {
      // One of the two is written before the other.
      this.#logger.debug({ err: error }, 'serving certificate cannot be used now; the last one stays');
    }
  }
}

/** Whoever gets certificates from the cluster's signer (join/). */
export interface CertificateIssuer {
  readonly current: { readonly certificate: string; readonly key: string } | undefined;
  onChange(callback: () => void): void;
}

/** `serverTLSBootstrap`: what the cluster has issued; until somebody approves that, one of our own. */
export class IssuedCertificate implements ServingCertificate {
  readonly #issuer: CertificateIssuer;
  readonly #fallback: ServingCertificate;

  constructor(issuer: CertificateIssuer, fallback: ServingCertificate) {
    this.#issuer = issuer;
    this.#fallback = fallback;
  }

  readonly current = (): CertificatePair | undefined => {
    const issued = this.#issuer.current;
    return issued ? { cert: issued.certificate, key: issued.key } : this.#fallback.current();
  };

  readonly run: ServingCertificate['run'] = async (onChange, { signal }) => {
    this.#issuer.onChange(onChange);
    onChange(); // one may have been issued since the server was made
    await waitAborted(signal);
  };
}

/** Throws InvalidError when the two cannot be served. */
export async function readPair({ certFile, keyFile }: PairPaths): Promise<CertificatePair> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    createSecureContext({ cert, key }); // do they belong together?
    return { cert, key };
  } catch (error) {
    const message = `the serving certificate ${certFile} with ${keyFile} cannot be used`;
    throw new InvalidError(message, { code: 'BadServingCertificate', cause: error });
  }
}
