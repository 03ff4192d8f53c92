// Follows a log over its rotations. A client that reads slowly must not lose what is rotated away meanwhile, so each new
// log is opened when it appears and waits its turn.

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { watchDirectory } from '../host/watch-directory.ts';
import { ifThere } from '../lib/if-there.ts';
import { sleep } from '../lib/sleep.ts';
import { Wakeup } from '../lib/wakeup.ts';
import { listRotatedLogs } from '../runtime/rotated-logs.ts';
import { LogTail } from './log-blocks.ts';

// The runtime's writers to the old log end a moment after the new one is there.
const SETTLE_MS = 50;
const IDLE_RECHECK_MS = 10_000;
// Each holds a removed file's disk space.
const MAX_WAITING_LOGS = 32;

export interface FollowSource {
  readonly path: string;
  /** False once the container has ended: then the log grows no more. */
  readonly isRunning: () => boolean;
  /** Calls back when `isRunning` may have changed; returns what ends that. */
  readonly onChange: (listener: () => void) => () => void;
}

export class LogFollower {
  readonly #source: FollowSource;
  readonly #wakeup = new Wakeup();
  readonly #waiting: LogTail[] = [];
  #newestInode: number;
  #opening: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(source: FollowSource, first: LogTail) {
    this.#source = source;
    this.#newestInode = first.inode;
  }

  /** Blocks of whole records until the container has ended and all is read, or the signal aborts. */
  async *blocks(first: LogTail, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<Buffer> {
    const done = new AbortController();
    const inner = AbortSignal.any([signal, done.signal]);
    const stopListening = this.#source.onChange(() => this.#wakeup.wake());
    const watching = this.#watch(inner).catch((error: unknown) => {
      this.#failure = { error };
      this.#wakeup.wake();
    });
    let log = first;
    try {
      while (!signal.aborted) {
        if (this.#failure) throw this.#failure.error;
        const hasEnded = !this.#source.isRunning();
        if (hasEnded) await this.#openNew();
        yield* log.blocks();
        const next = this.#waiting.shift();
        if (next) {
          if (this.#waiting.length === 0 && !hasEnded) await sleep(SETTLE_MS, { signal });
          yield* finish(log);
          await log[Symbol.asyncDispose]();
          log = next;
        } else if (hasEnded) {
          yield* finish(log);
          return;
        } else {
          await this.#wakeup.wait(IDLE_RECHECK_MS, { signal });
        }
      }
    } finally {
      stopListening();
      done.abort();
      await watching;
      for (const one of [log, ...this.#waiting]) await one[Symbol.asyncDispose]();
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    // A line that was appended is read at once; whether there is a new log is looked at beside that.
    const onEvent = (): void => this.#wakeup.wake();
    for await (const _ of watchDirectory(dirname(this.#source.path), { signal, onEvent })) {
      await this.#openNew();
      this.#wakeup.wake();
    }
  }

  /** One look at a time: two would push the same logs, or in another order. */
  #openNew(): Promise<void> {
    this.#opening = this.#opening.then(() => this.#openNewest());
    return this.#opening;
  }

  async #openNewest(): Promise<void> {
    const newest = await ifThere(LogTail.open(this.#source.path));
    if (!newest) return;
    if (newest.inode === this.#newestInode) return await newest[Symbol.asyncDispose]();
    // Listed after the newest was opened: whatever came before it has been rotated by now.
    for (const path of await this.#missedLogs()) {
      const log = await ifThere(LogTail.open(path));
      if (log && log.inode !== newest.inode) {
        this.#waiting.push(log);
        continue;
      }
      await log?.[Symbol.asyncDispose]();
      if (log) break; // it is rotated itself: what is behind it is found when we look again
    }
    this.#newestInode = newest.inode;
    this.#waiting.push(newest);
    while (this.#waiting.length > MAX_WAITING_LOGS) await this.#waiting.shift()?.[Symbol.asyncDispose]();
  }

  /** Logs that came and were rotated away between two looks: those behind the newest one we know. */
  async #missedLogs(): Promise<readonly string[]> {
    const plain = (await listRotatedLogs(this.#source.path)).filter(({ isCompressed }) => !isCompressed);
    const inodes = await Promise.all(plain.map(async ({ path }) => (await ifThere(stat(path)))?.ino));
    const known = inodes.indexOf(this.#newestInode);
    return known < 0 ? [] : plain.slice(known + 1).map(({ path }) => path);
  }
}

async function* finish(log: LogTail): AsyncGenerator<Buffer> {
  yield* log.blocks();
  const rest = log.takeRest();
  if (rest.length > 0) yield rest;
}
