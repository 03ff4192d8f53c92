import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Wakeup } from '../lib/wakeup.ts';
import { systemErrorCode } from './errors.ts';

// inotify misses what happens on network file systems and between two watches: look again now and then.
const RECHECK_MS = 30_000;
// Where the kernel gives no watch, most often because fs.inotify.max_user_* is used up, we look instead.
const BLIND_RECHECK_MS = 1000;
const MAX_PASSES = 10;

export interface WatchDirectoryOptions {
  readonly signal: AbortSignal;
  /** Called the moment the kernel tells, before the look whether the watches still hold; for who only reads on. */
  readonly onEvent?: () => void;
}

/**
 * Yields at the start and whenever something may have changed in a directory, which may be created later, removed or
 * replaced. Changes in one burst make one yield.
 */
export async function* watchDirectory(
  path: string,
  { signal, onEvent }: WatchDirectoryOptions,
): AsyncGenerator<void, void, undefined> {
  const wakeup = new Wakeup();
  using watchers = new DirectoryWatchers(() => {
    wakeup.wake();
    onEvent?.();
  });
  while (!signal.aborted) {
    await watchers.follow(path);
    yield;
    await wakeup.wait(watchers.isBlind ? BLIND_RECHECK_MS : RECHECK_MS, { signal });
  }
}

/** Watches a directory, and the one above, which tells when the directory itself comes and goes. */
class DirectoryWatchers implements Disposable {
  readonly #onEvent: () => void;
  readonly #watched = new Map<string, { readonly identity: string; readonly watcher: FSWatcher }>();
  #isBlind = false;

  constructor(onEvent: () => void) {
    this.#onEvent = onEvent;
  }

  /** True when the kernel had no watch for us. */
  get isBlind(): boolean {
    return this.#isBlind;
  }

  /** Brings the watchers in line with what is there now. */
  async follow(path: string): Promise<void> {
    this.#isBlind = false;
    // What appears below between the look and the new watch is seen by nobody: look again until nothing is new.
    for (let pass = 0; pass < MAX_PASSES; pass += 1) {
      if (!this.#adjust(await existingAncestors(path))) return;
    }
    this.#onEvent(); // it changes faster than we look
  }

  /** True when there is a new watch. */
  #adjust(wanted: ReadonlyMap<string, WantedWatch>): boolean {
    let hasOpened = false;
    for (const [directory, { identity }] of this.#watched) {
      if (wanted.get(directory)?.identity !== identity) this.#close(directory);
    }
    for (const [directory, { identity, child }] of wanted) {
      if (this.#watched.has(directory)) continue;
      this.#open(directory, identity, child);
      hasOpened ||= !this.#isBlind;
    }
    return hasOpened;
  }

  #open(directory: string, identity: string, child: string | undefined): void {
    try {
      const watcher = watch(directory, (_, name) => {
        if (child === undefined || name === null || name === child) this.#onEvent();
      });
      watcher.on('error', () => {
        this.#close(directory);
        this.#onEvent();
      });
      this.#watched.set(directory, { identity, watcher });
    } catch (error) {
      // Gone again since the look: the next pass sees it.
      if (systemErrorCode(error) === 'ENOENT') this.#onEvent();
      else this.#isBlind = true;
    }
  }

  #close(directory: string): void {
    this.#watched.get(directory)?.watcher.close();
    this.#watched.delete(directory);
  }

  [Symbol.dispose](): void {
    for (const directory of this.#watched.keys()) this.#close(directory);
  }
}

interface WantedWatch {
  /** Inode and time of birth: a file system gives the number of a removed directory to the next one. */
  readonly identity: string;
  /** Above the directory itself only this name matters. */
  readonly child: string | undefined;
}

/** The deepest that exists of a path's directories, and the one above it, which sees it being replaced. */
async function existingAncestors(path: string): Promise<ReadonlyMap<string, WantedWatch>> {
  const found = new Map<string, WantedWatch>();
  let child: string | undefined;
  for (let directory = path; found.size < 2; directory = dirname(directory)) {
    const identity = await directoryIdentity(directory);
    if (identity !== undefined) found.set(directory, { identity, child });
    child = basename(directory);
    if (directory === dirname(directory)) break;
  }
  return found;
}

// One that cannot be looked at (a loop of links, a broken disk) is as good as none; who reads it says why.
async function directoryIdentity(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ? `${found.ino} ${found.birthtimeMs}` : undefined;
}
