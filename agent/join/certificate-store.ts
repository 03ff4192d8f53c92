// The kubelet's certificate directory: PREFIX-2026-01-31-12-00-00.pem holds certificate and key, the symbolic link
// PREFIX-current.pem is what everybody reads. It is switched by a rename, so a reader has the old pair or the new one.

import { createPrivateKey } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { ifThere, pathExists } from '../lib/if-there.ts';
import { generateKeyPem } from './certificate-request.ts';
import { type KeyPair, parseKeyPair } from './key-pair.ts';

const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o600;
// The pair before the present one stays, for whoever has to look what it was.
const KEPT_PAIRS = 2;

export class CertificateStore {
  readonly #directory: string;
  readonly #prefix: string;

  /** `prefix`: `kubelet-client` or `kubelet-server`. */
  constructor(directory: string, prefix: string) {
    this.#directory = directory;
    this.#prefix = prefix;
  }

  get currentPath(): string {
    return join(this.#directory, `${this.#prefix}-current.pem`);
  }

  /** Undefined when there is none; throws when what is there is no certificate with its key. */
  async readCurrent(): Promise<KeyPair | undefined> {
    const pem = await ifThere(readFile(this.currentPath, 'utf8'));
    return pem === undefined ? undefined : parseKeyPair(pem);
  }

  /** Writes the pair and makes it the current one. */
  async replace(certificate: string, key: string, nowMs: number): Promise<KeyPair> {
    const pair = parseKeyPair(`${certificate.trimEnd()}\n${key}`);
    await mkdir(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
    const path = await this.#freePath(nowMs);
    await writeFileAtomic(path, `${pair.certificate}${pair.key}`, FILE_MODE);
    const next = join(this.#directory, `${this.#prefix}-updated.pem`);
    await rm(next, { force: true }); // of a process that was killed here
    await symlink(path, next);
    await rename(next, this.currentPath);
    await this.dropPendingKey();
    await this.#removeOld();
    return pair;
  }

  /** The key of the request that is under way: kept, so that a restart finds its request again. */
  async ensurePendingKey(): Promise<string> {
    const present = await ifThere(readFile(this.#pendingKeyPath, 'utf8'));
    if (present !== undefined && isPrivateKey(present)) return present;
    const key = generateKeyPem();
    await mkdir(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
    await writeFileAtomic(this.#pendingKeyPath, key, FILE_MODE);
    return key;
  }

  async dropPendingKey(): Promise<void> {
    await rm(this.#pendingKeyPath, { force: true });
  }

  get #pendingKeyPath(): string {
    return join(this.#directory, `${this.#prefix}.key.tmp`);
  }

  /** Two pairs within one second must not become one: the present one would be written over. */
  async #freePath(nowMs: number): Promise<string> {
    const path = join(this.#directory, `${this.#prefix}-${formatTimestamp(nowMs)}.pem`);
    return (await pathExists(path)) ? await this.#freePath(nowMs + 1000) : path;
  }

  async #removeOld(): Promise<void> {
    const pattern = new RegExp(`^${this.#prefix}-\\d{4}(-\\d\\d){5}\\.pem$`);
    const names = (await readdir(this.#directory)).filter(name => pattern.test(name)).sort();
    for (const name of names.slice(0, -KEPT_PAIRS)) await rm(join(this.#directory, name), { force: true });
  }
}

// Half a key would fail every request made with it.
function isPrivateKey(pem: string): boolean {
  try {
    createPrivateKey(pem);
    return true;
  } catch {
    return false;
  }
}

/** 2026-01-31-12-00-00, in UTC: a local time would go back once a year. */
function formatTimestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-');
}
