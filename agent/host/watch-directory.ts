import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Wakeup } from '../lib/wakeup.ts';
import { mapHostError, systemErrorCode } from './errors.ts';

// inotify misses what happens on network file systems and between two watches: look again now and then.
const RECHECK_MS = 10_000;

/**
 * Yields at the start and whenever something may have changed in a directory, which may be created later, removed or
 * replaced. Changes in one burst make one yield.
 */
export async function* watchDirectory(
  path: string,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<void, void, undefined> {
  const wakeup = new Wakeup();
  using watchers = new DirectoryWatchers(() => wakeup.wake());
  while (!signal.aborted) {
    await watchers.follow(path);
    yield;
    await wakeup.wait(RECHECK_MS, { signal });
  }
}

/** Watches a directory, and the one above, which tells when the directory itself comes and goes. */
class DirectoryWatchers implements Disposable {
  readonly #onEvent: () => void;
  readonly #watched = new Map<string, { readonly inode: number; readonly watcher: FSWatcher }>();

  constructor(onEvent: () => void) {
    this.#onEvent = onEvent;
  }

  /** Brings the watchers in line with what is there now. */
  async follow(path: string): Promise<void> {
    const wanted = await existingAncestors(path);
    for (const [directory, { inode }] of this.#watched) {
      if (wanted.get(directory)?.inode !== inode) this.#close(directory);
    }
    for (const [directory, { inode, child }] of wanted) {
      if (!this.#watched.has(directory)) this.#open(directory, inode, child);
    }
  }

  #open(directory: string, inode: number, child: string | undefined): void {
    try {
      const watcher = watch(directory, (_, name) => {
        if (child === undefined || name === null || name === child) this.#onEvent();
      });
      watcher.on('error', () => {
        this.#close(directory);
        this.#onEvent();
      });
      this.#watched.set(directory, { inode, watcher });
    } catch (error) {
      // Gone again since the look: the next pass sees it.
      if (systemErrorCode(error) !== 'ENOENT') throw mapHostError(error);
      this.#onEvent();
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
  readonly inode: number;
  /** Above the directory itself only this name matters. */
  readonly child: string | undefined;
}

/** The deepest that exists of a path's directories, and the one above it, which sees it being replaced. */
async function existingAncestors(path: string): Promise<ReadonlyMap<string, WantedWatch>> {
  const found = new Map<string, WantedWatch>();
  let child: string | undefined;
  for (let directory = path; found.size < 2; directory = dirname(directory)) {
    const inode = await directoryInode(directory);
    if (inode !== undefined) found.set(directory, { inode, child });
    child = basename(directory);
    if (directory === dirname(directory)) break;
  }
  return found;
}

async function directoryInode(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? found.ino : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw mapHostError(error);
  }
}
