// Looks at the size of one log, promptly while it grows and hardly ever while it is quiet: a watch tells of the first
// write. For a log that is written to all the time it would wake us for each line, so then it is closed and the size is
// asked for, until nothing has been written for a while.

import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { watchFile } from '../host/watch-file.ts';

// 100 MB/s grow a log by 5 MB between two looks.
const LOOK_MS = 50;
const BUSY_EVENTS = 20;
const QUIET_LOOKS = 40;

/** What was done about a log of this size, undefined when there is no file. Must not reject. */
export type OnLogSize = (sizeBytes: number | undefined) => Promise<'kept' | 'replaced'>;

export class LogWatch implements Disposable {
  readonly #path: string;
  readonly #onSize: OnLogSize;
  #watcher: Disposable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last: Stats | undefined;
  #isBusy = false;
  #eventsSinceLook = 0;
  #quietLooks = 0;
  #isClosed = false;

  constructor(path: string, onSize: OnLogSize) {
    this.#path = path;
    this.#onSize = onSize;
    this.lookSoon();
  }

  lookSoon(): void {
    if (this.#isClosed || this.#timer) return;
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  /** For a host that has no watches left to give. */
  lookUnlessWatched(): void {
    if (!this.#watcher) this.lookSoon();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#unwatch();
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const found = await statIfThere(this.#path);
    const outcome = this.#isClosed ? 'kept' : await this.#onSize(found?.size);
    this.#timer = undefined;
    if (this.#isClosed) return;
    // A watch stays with the file it was made for.
    if (outcome === 'replaced' || found?.ino !== this.#last?.ino) this.#unwatch();
    this.#quietLooks = found?.size === this.#last?.size ? this.#quietLooks + 1 : 0;
    this.#last = found;
    this.#isBusy = this.#isBusy ? this.#quietLooks < QUIET_LOOKS : this.#eventsSinceLook > BUSY_EVENTS;
    this.#eventsSinceLook = 0;
    if (this.#isBusy) {
      this.#unwatch();
      this.lookSoon();
    } else if (!this.#watcher) {
      this.#watch();
      if (this.#watcher) this.lookSoon(); // at what was written before the watch
    }
  }

  #watch(): void {
    this.#watcher = watchFile(this.#path, () => {
      this.#eventsSinceLook += 1;
      this.lookSoon();
    });
  }

  #unwatch(): void {
    this.#watcher?.[Symbol.dispose]();
    this.#watcher = undefined;
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch {
    return undefined; // between a rename and the runtime's new file, or gone with its pod
  }
}
