// Who we are and whom we trust, from a kubeconfig: files are read again when they change, a plugin is asked again when
// its answer expires. A half-written or wrong new file never replaces what works.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { settledOrAborted } from '../lib/abort.ts';
import { errorMessage, InvalidError } from '../lib/errors.ts';
import { certificateBlocks, privateKeyBlock } from '../lib/pem.ts';
import { sleep } from '../lib/sleep.ts';
import { type ExecCredential, runExecPlugin } from './exec-plugin.ts';
import type { ExecConfig, Kubeconfig, Material } from './kubeconfig.ts';

export interface TlsMaterial {
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

const FILE_POLL_MS = 10_000;
const EXEC_EXPIRY_LEEWAY_MS = 10_000;
// Certificate and key are two files: between the two renames of a rotation they do not belong together.
const MISMATCH_RETRIES = 5;
const MISMATCH_RETRY_MS = 200;

interface FileContents {
  readonly tls: TlsMaterial;
  readonly token: string | undefined;
  /** Changes whenever a file is replaced or written. */
  readonly fingerprint: string;
}

export class Credentials {
  readonly #kubeconfig: Kubeconfig;
  readonly #logger: Logger;
  #files: FileContents;
  #exec: ExecCredential | undefined;
  #execRunning: Promise<void> | undefined;
  #wasReloadRefused = false;
  readonly #lifetime = new AbortController();

  private constructor(kubeconfig: Kubeconfig, files: FileContents, logger: Logger) {
    this.#kubeconfig = kubeconfig;
    this.#files = files;
    this.#logger = logger;
  }

  /** Throws InvalidError with one clear line when a file is missing or not what it should be. */
  static async load(
    kubeconfig: Kubeconfig,
    { logger, signal }: { logger: Logger; signal: AbortSignal },
  ): Promise<Credentials> {
    return new Credentials(kubeconfig, await readSettledFiles(kubeconfig, signal), logger);
  }

  get tls(): TlsMaterial {
    const exec = this.#exec;
    if (!exec?.certificate) return this.#files.tls;
    return { ca: this.#files.tls.ca, certificate: exec.certificate, key: exec.key };
  }

  /** Changes when a new connection would show another identity or trust another CA. */
  get tlsFingerprint(): string {
    const { ca, certificate, key } = this.tls;
    return [ca, certificate, key].join('\0');
  }

  /** The headers that authenticate one request; asks the credential plugin when its answer is due. */
  async headers({ signal }: { signal: AbortSignal }): Promise<Record<string, string>> {
    await this.#ensureExec(signal);
    const authorization = this.#authorization();
    return authorization === undefined ? {} : { authorization };
  }

  /** After HTTP 401: whatever can be read or asked again is, and true says that it differs now. */
  async refresh({ signal }: { signal: AbortSignal }): Promise<boolean> {
    const before = [this.tlsFingerprint, this.#authorization()].join('\0');
    await this.#reloadFiles(signal);
    this.#exec = undefined;
    await this.#ensureExec(signal);
    return [this.tlsFingerprint, this.#authorization()].join('\0') !== before;
  }

  /** Polls the files until the signal aborts; `onChange` is called after the connection's identity changed. */
  async runReload(onChange: () => void, { signal }: { signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      await sleep(FILE_POLL_MS, { signal });
      const before = this.tlsFingerprint;
      await this.#reloadFiles(signal);
      if (!signal.aborted && this.tlsFingerprint !== before) onChange();
    }
  }

  close(): void {
    this.#lifetime.abort();
  }

  /** Why the server may have answered 401, in words. */
  explainRejection(nowMs: number): string {
    const { certificate } = this.tls;
    if (certificate === undefined) {
      const hasSecret = this.#authorization() !== undefined;
      return hasSecret
        ? 'the token is not accepted: expired, or of another cluster?'
        : 'the kubeconfig has no credentials';
    }
    const { validToDate, validFromDate, subject } = parseCertificate(certificate);
    const who = `client certificate (${subject.replaceAll('\n', ', ')})`;
    if (validToDate.getTime() < nowMs) return `${who} expired at ${validToDate.toISOString()}: renew it`;
    if (validFromDate.getTime() > nowMs) {
      return `${who} is valid from ${validFromDate.toISOString()}: check this machine's clock`;
    }
    return `${who} is not accepted: is it signed by this cluster's CA?`;
  }

  #authorization(): string | undefined {
    const { basic } = this.#kubeconfig.user;
    const token = this.#files.token ?? this.#exec?.token;
    if (token !== undefined) return `Bearer ${token}`;
    if (!basic) return undefined;
    return `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
  }

  async #ensureExec(signal: AbortSignal): Promise<void> {
    const { exec, token, clientCertificate, basic } = this.#kubeconfig.user;
    // Static credentials win over the plugin, as in client-go.
    if (!exec || token || clientCertificate || basic) return;
    const expiresAtMs = this.#exec?.expiresAtMs ?? Number.POSITIVE_INFINITY;
    if (this.#exec && Date.now() < expiresAtMs - EXEC_EXPIRY_LEEWAY_MS) return;
    signal.throwIfAborted();
    // One run for everybody who waits: it goes on when one of them gives up.
    this.#execRunning ??= this.#runExec(exec);
    await settledOrAborted(this.#execRunning, signal);
    signal.throwIfAborted();
  }

  async #runExec(exec: ExecConfig): Promise<void> {
    const cluster = { config: this.#kubeconfig.cluster, ca: this.#files.tls.ca };
    try {
      this.#exec = await runExecPlugin(exec, cluster, { signal: this.#lifetime.signal });
    } finally {
      this.#execRunning = undefined;
    }
  }

  async #reloadFiles(signal: AbortSignal): Promise<void> {
    try {
      if ((await fingerprintOf(this.#kubeconfig)) === this.#files.fingerprint) return;
      this.#files = await readSettledFiles(this.#kubeconfig, signal);
      this.#wasReloadRefused = false;
      this.#logger.info({ kubeconfig: this.#kubeconfig.path }, 'API credentials read again');
    } catch (error) {
      if (signal.aborted || this.#wasReloadRefused) return;
      this.#wasReloadRefused = true; // once per outage: this is polled
      this.#logger.warn({ err: error }, 'API credentials changed but cannot be used, keeping the old ones');
    }
  }
}

async function readSettledFiles(kubeconfig: Kubeconfig, signal: AbortSignal): Promise<FileContents> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await readFiles(kubeconfig);
    } catch (error) {
      const isSettled = attempt >= MISMATCH_RETRIES || !hasTwoFiles(kubeconfig);
      if (isSettled || signal.aborted || !isMismatch(error)) throw error;
      await sleep(MISMATCH_RETRY_MS, { signal });
    }
  }
}

function isMismatch(error: unknown): boolean {
  return error instanceof InvalidError && error.code === 'KeyMismatch';
}

function hasTwoFiles({ user }: Kubeconfig): boolean {
  return user.clientCertificate?.kind === 'file' && user.clientKey?.kind === 'file';
}

async function readFiles(kubeconfig: Kubeconfig): Promise<FileContents> {
  const { cluster, user, path } = kubeconfig;
  const fingerprint = await fingerprintOf(kubeconfig);
  const ca = await readMaterial(cluster.ca, 'certificate-authority', path);
  const certificate = await readMaterial(user.clientCertificate, 'client-certificate', path);
  const key = await readMaterial(user.clientKey, 'client-key', path);
  const token = (await readMaterial(user.token, 'tokenFile', path))?.trim();
  if (token === '') throw invalid(`kubeconfig ${path}: the token is empty`);
  const tls = {
    ca: ca && certificatesOf(ca, 'certificate-authority', path),
    certificate: certificate && certificatesOf(certificate, 'client-certificate', path),
    key: key && keyOf(key, path),
  };
  if (tls.certificate && tls.key) {
    const isPair = parseCertificate(tls.certificate).checkPrivateKey(createPrivateKey(tls.key));
    if (!isPair) {
      throw new InvalidError(`kubeconfig ${path}: client-key does not belong to client-certificate`, {
        code: 'KeyMismatch',
      });
    }
  }
  return { tls, token, fingerprint };
}

async function readMaterial(
  material: Material | undefined,
  field: string,
  path: string,
): Promise<string | undefined> {
  if (material === undefined) return undefined;
  if (material.kind === 'data') return material.content;
  try {
    return await readFile(material.path, 'utf8');
  } catch (error) {
    throw invalid(`kubeconfig ${path}: ${field} cannot be read: ${errorMessage(error)}`, error);
  }
}

/** The certificates of a PEM file, each one parsed: OpenSSL would pass over a broken one in silence. */
function certificatesOf(pem: string, field: string, path: string): string {
  const blocks = certificateBlocks(pem);
  if (blocks.length === 0) throw invalid(`kubeconfig ${path}: ${field} holds no PEM certificate`);
  try {
    for (const block of blocks) parseCertificate(block);
  } catch (error) {
    throw invalid(`kubeconfig ${path}: ${field} holds a broken certificate: ${errorMessage(error)}`, error);
  }
  return blocks.join('\n');
}

function parseCertificate(pem: string): X509Certificate {
  return new X509Certificate(pem);
}

/** The private key of a PEM file that may hold the certificate as well, as the kubelet's own file does. */
function keyOf(pem: string, path: string): string {
  const block = privateKeyBlock(pem);
  if (!block) throw invalid(`kubeconfig ${path}: client-key holds no PEM private key`);
  try {
    createPrivateKey(block);
  } catch (error) {
    throw invalid(`kubeconfig ${path}: client-key is broken: ${errorMessage(error)}`, error);
  }
  return block;
}

async function fingerprintOf({ cluster, user }: Kubeconfig): Promise<string> {
  const materials = [cluster.ca, user.clientCertificate, user.clientKey, user.token];
  const marks = materials.map(async material => {
    if (material?.kind !== 'file') return '';
    const facts = await stat(material.path, { bigint: true }).catch(() => undefined);
    // A missing file has its own mark; reading it then says which one and why.
    return facts ? [facts.ino, facts.mtimeNs, facts.size].join('/') : 'missing';
  });
  return (await Promise.all(marks)).join(' ');
}

function invalid(message: string, cause?: unknown): InvalidError {
  return new InvalidError(message, { code: 'Kubeconfig', cause });
}
