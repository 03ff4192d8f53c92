// Keeps the pull records of build-pull-record.ts on disk: an intent before each pull, a record after it. An image with an
// intent alone (the agent was killed) counts as pulled by us with nobody's credentials.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import type { Clock } from '../lib/clock.ts';
import { isMissing, pathExists } from '../lib/if-there.ts';
import type { Logger } from '../lib/logger.ts';
import { Semaphore } from '../lib/semaphore.ts';
import {
  buildPullRecord,
  type ImagePulledRecord,
  isAccessible,
  type PullProof,
  parsePullRecord,
  RECORD_API_VERSION,
} from './build-pull-record.ts';
import { nameWithoutVersion } from './image-name.ts';
import type { RegistryCredential } from './registry-credential.ts';

export interface PullRecordsOptions {
  /** The kubelet's root directory. */
  readonly rootDir: string;
  readonly policy:
    | 'NeverVerify'
    | 'NeverVerifyPreloadedImages'
    | 'NeverVerifyAllowlistedImages'
    | 'AlwaysVerify';
  /** Names without tag and digest, or prefixes that end in `/*`. */
  readonly allowlist: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const ANONYMOUS: PullProof = { source: { kind: 'node' }, credentialHash: '' };

export class PullRecords {
  readonly #options: PullRecordsOptions;
  /** A record is read, changed and written by one at a time. */
  readonly #serial = new Semaphore(1);

  constructor(options: PullRecordsOptions) {
    this.#options = options;
  }

  /** Whether a pod may use an image that is there; `findOwn` is asked only when that decides. */
  async mayUse(
    image: string,
    imageRef: string,
    findOwn: () => Promise<readonly RegistryCredential[]>,
  ): Promise<boolean> {
    if (this.#isFree(image)) return true;
    const record = await this.#read(imageRef);
    const wasPulled = record !== undefined || (await pathExists(this.#intentPath(image)));
    if (!wasPulled && this.#options.policy === 'NeverVerifyPreloadedImages') return true;
    if (!record) return false;
    const name = nameWithoutVersion(image);
    return isAccessible(record, name, []) || isAccessible(record, name, (await findOwn()).map(proofOf));
  }

  async notePulling(image: string): Promise<void> {
    const intent = { kind: 'ImagePullIntent', apiVersion: RECORD_API_VERSION, image };
    await this.#write(this.#intentPath(image), intent);
  }

  async notePulled(
    image: string,
    imageRef: string,
    credential: RegistryCredential | undefined,
  ): Promise<void> {
    const proof = credential ? proofOf(credential) : ANONYMOUS;
    await this.#serial.run(() => this.#update(image, imageRef, proof), {
      signal: new AbortController().signal, // local files: nothing to wait for
      priority: 0,
    });
    await this.noteFailed(image);
  }

  /** The pull is over without an image. */
  async noteFailed(image: string): Promise<void> {
    await rm(this.#intentPath(image), { force: true });
  }

  async #update(image: string, imageRef: string, proof: PullProof): Promise<void> {
    const before = await this.#read(imageRef);
    const now = new Date(this.#options.clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z');
    const after = buildPullRecord(before, { name: nameWithoutVersion(image), imageRef, proof, now });
    if (after !== before) await this.#write(this.#recordPath(imageRef), after);
  }

  #isFree(image: string): boolean {
    const { policy, allowlist } = this.#options;
    if (policy === 'NeverVerify') return true;
    if (policy !== 'NeverVerifyAllowlistedImages') return false;
    const name = nameWithoutVersion(image);
    return allowlist.some(entry =>
      entry.endsWith('/*') ? name.startsWith(entry.slice(0, -1)) : name === entry,
    );
  }

  async #read(imageRef: string): Promise<ImagePulledRecord | undefined> {
    const path = this.#recordPath(imageRef);
    try {
      return parsePullRecord(await readFile(path, 'utf8'), imageRef);
    } catch (error) {
      if (isMissing(error)) return undefined;
      this.#options.logger.warn(
        { path, err: error },
        'pull record cannot be read; the image is pulled again',
      );
      return {
        kind: 'ImagePulledRecord',
        apiVersion: RECORD_API_VERSION,
        lastUpdatedTime: '',
        imageRef,
        credentialMapping: {},
      };
    }
  }

  async #write(path: string, content: object): Promise<void> {
    await mkdir(join(path, '..'), { recursive: true, mode: DIRECTORY_MODE });
    await writeFileAtomic(path, JSON.stringify(content), FILE_MODE);
  }

  #intentPath(image: string): string {
    return join(this.#options.rootDir, 'image_manager/pulling', fileName(image));
  }

  #recordPath(imageRef: string): string {
    return join(this.#options.rootDir, 'image_manager/pulled', fileName(imageRef));
  }
}

function proofOf({ username, password, source }: RegistryCredential): PullProof {
  return { source, credentialHash: createHash('sha256').update(`${username}\0${password}`).digest('hex') };
}

function fileName(subject: string): string {
  return `sha256-${createHash('sha256').update(subject).digest('hex')}`;
}
