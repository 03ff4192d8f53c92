// The output of one container as kubectl wants it: rotated logs, the one that is written now, and what is to come.

import { realpath } from 'node:fs/promises';
import { ifThere } from '../lib/if-there.ts';
import { sleep } from '../lib/sleep.ts';
import { LogTail, readPackedLog } from './log-blocks.ts';
import { type FollowSource, LogFollower } from './log-follower.ts';
import { LogFormatter } from './log-formatter.ts';
import type { LogQuery } from './log-query.ts';
import { findLogStart, type RotatedPart } from './log-start.ts';

// Between the rename of a rotation and the runtime's new file there is none for a moment.
const OPEN_ATTEMPTS = 10;
const OPEN_RETRY_MS = 50;

/** Yields output in blocks that are the reader's to keep. Throws Error with the kubelet's text when there is no log. */
export async function* readLog(
  source: FollowSource,
  query: LogQuery,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const { follow, tailLines, limitBytes = Number.POSITIVE_INFINITY } = query;
  // Without follow, what is written while we read does not belong to the last lines.
  const formatter = new LogFormatter(query, follow ? undefined : tailLines);
  let bytesLeft = limitBytes;
  for await (const block of recordBlocks(source, query, signal)) {
    const output = formatter.convert(block).subarray(0, bytesLeft);
    bytesLeft -= output.length;
    if (output.length > 0) yield output;
    if (bytesLeft <= 0 || formatter.isDone || signal.aborted) return;
  }
}

async function* recordBlocks(
  source: FollowSource,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const current = await openCurrent(source, signal);
  let isHandedOver = false;
  try {
    const { rotated, offset } = await findLogStart(source.path, current, query);
    const follower = new LogFollower(source, current);
    current.startAt(offset);
    for (const part of rotated) yield* readRotated(part);
    if (query.follow) {
      isHandedOver = true; // the follower closes what it reads
      yield* follower.blocks(current, { signal });
      return;
    }
    yield* current.blocks();
    const rest = current.takeRest();
    if (rest.length > 0) yield rest;
  } finally {
    if (!isHandedOver) await current[Symbol.asyncDispose]();
  }
}

async function* readRotated({ path, isCompressed, from }: RotatedPart): AsyncGenerator<Buffer> {
  if (isCompressed) {
    yield* readPackedLog(path, from);
    return;
  }
  const opened = await ifThere(LogTail.open(path));
  if (!opened) {
    yield* readPackedLog(`${path}.gz`, 0); // packed meanwhile
    return;
  }
  await using log = opened;
  log.startAt(from);
  yield* log.blocks();
  const rest = log.takeRest();
  if (rest.length > 0) yield rest;
}

async function openCurrent({ path, isRunning }: FollowSource, signal: AbortSignal): Promise<LogTail> {
  for (let attempt = 1; ; attempt += 1) {
    const target = await ifThere(realpath(path));
    const log = target === undefined ? undefined : await ifThere(LogTail.open(target));
    if (log) return log;
    if (!isRunning() || attempt === OPEN_ATTEMPTS || signal.aborted) break;
    await sleep(OPEN_RETRY_MS, { signal });
  }
  throw new Error(
    `failed to try resolving symlinks in path "${path}": lstat ${path}: no such file or directory`,
  );
}
