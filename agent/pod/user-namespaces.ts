// Which IDs of the host a pod with a user namespace has. The files in the pods' directories are all there is to know.

import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { ifThere } from '../lib/if-there.ts';
import { DIRECTORY_MODE, podDirectory, podsDirectory } from '../volume/pod-directories.ts';
import { chooseRange, formatRange, type IDRange, parseRange } from './build-user-namespace.ts';

export interface UserNamespaceSettings {
  readonly rootDir: string;
  readonly idsPerPod: number;
  readonly maxPods: number;
}

export class UserNamespaces {
  readonly #settings: UserNamespaceSettings;
  /** Two pods that choose at the same time would choose the same: one after the other. */
  #lastChoice: Promise<unknown> = Promise.resolve();

  constructor(settings: UserNamespaceSettings) {
    this.#settings = settings;
  }

  /** The pod's range, the same until it is released. */
  async ensure(podUID: string): Promise<IDRange> {
    const known = await this.#read(podUID);
    if (known) return known;
    const choice = this.#lastChoice.then(() => this.#choose(podUID));
    this.#lastChoice = choice.catch(() => undefined); // whoever asked for it has the error
    return await choice;
  }

  async #choose(podUID: string): Promise<IDRange> {
    const { rootDir, idsPerPod, maxPods } = this.#settings;
    const pods = await ifThere(readdir(podsDirectory(rootDir)));
    const taken = await Promise.all((pods ?? []).map(uid => this.#read(uid)));
    const range = chooseRange(
      taken.filter(found => found !== undefined),
      { idsPerPod, maxPods },
    );
    if (!range) throw new Error('could not find an empty slot to allocate a user namespace');
    await mkdir(podDirectory(rootDir, podUID), { recursive: true, mode: DIRECTORY_MODE });
    await writeFileAtomic(rangeFile(rootDir, podUID), formatRange(range), 0o600);
    return range;
  }

  async #read(podUID: string): Promise<IDRange | undefined> {
    const text = await ifThere(readFile(rangeFile(this.#settings.rootDir, podUID), 'utf8'));
    return text === undefined ? undefined : parseRange(text);
  }
}

/** Nothing of the pod runs any more: its IDs may be another's. */
export async function releaseUserNamespace(rootDir: string, podUID: string): Promise<void> {
  await ifThere(unlink(rangeFile(rootDir, podUID)));
}

function rangeFile(rootDir: string, podUID: string): string {
  return `${podDirectory(rootDir, podUID)}/userns`;
}
