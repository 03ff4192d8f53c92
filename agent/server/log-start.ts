// Where reading begins: in the log that is written now, or in one that was rotated away before.

import { stat } from 'node:fs/promises';
import { ifThere } from '../lib/if-there.ts';
import { listRotatedLogs, type RotatedLog } from '../runtime/rotated-logs.ts';
import { countPackedRecords, findTail, LogTail } from './log-blocks.ts';
import type { LogQuery } from './log-query.ts';

export interface RotatedPart extends RotatedLog {
  /** Bytes to pass over in a plain file, records in a packed one. */
  readonly from: number;
}

export interface LogStart {
  /** Oldest first. */
  readonly rotated: readonly RotatedPart[];
  /** In the log that is written now. */
  readonly offset: number;
}

export async function findLogStart(
  path: string,
  current: LogTail,
  { tailLines, sinceMs }: Pick<LogQuery, 'tailLines' | 'sinceMs'>,
): Promise<LogStart> {
  if (tailLines !== undefined) return await findTailStart(path, current, tailLines);
  const rotated = await listOthers(path, current);
  if (sinceMs !== undefined) return { rotated: await keepSince(rotated, sinceMs), offset: 0 };
  return { rotated: rotated.map(log => ({ ...log, from: 0 })), offset: 0 };
}

async function findTailStart(path: string, current: LogTail, wanted: number): Promise<LogStart> {
  const { offset, records } = await findTail(current.file, wanted);
  const rotated: RotatedPart[] = [];
  let missing = wanted - records;
  if (missing <= 0) return { rotated, offset };
  for (const log of (await listOthers(path, current)).toReversed()) {
    const part = await ifThere(
      log.isCompressed ? packedTail(log.path, missing) : plainTail(log.path, missing),
    );
    if (!part) continue;
    rotated.unshift({ ...log, from: part.from });
    missing -= part.records;
    if (missing <= 0) break;
  }
  return { rotated, offset };
}

interface TailPart {
  readonly from: number;
  readonly records: number;
}

async function plainTail(path: string, wanted: number): Promise<TailPart> {
  await using log = await LogTail.open(path);
  const { offset, records } = await findTail(log.file, wanted);
  return { from: offset, records };
}

async function packedTail(path: string, wanted: number): Promise<TailPart> {
  const all = await countPackedRecords(path);
  const records = Math.min(all, wanted);
  return { from: all - records, records };
}

/** A log that was written last before that time has nothing to show. */
async function keepSince(rotated: readonly RotatedLog[], sinceMs: number): Promise<readonly RotatedPart[]> {
  const kept: RotatedPart[] = [];
  for (const log of rotated.toReversed()) {
    const found = await ifThere(stat(log.path));
    if (!found) continue;
    if (found.mtimeMs < sinceMs) break;
    kept.unshift({ ...log, from: 0 });
  }
  return kept;
}

/** Without the one we have open: it may have been rotated away since. */
async function listOthers(path: string, current: LogTail): Promise<readonly RotatedLog[]> {
  const logs = await listRotatedLogs(path);
  const others = await Promise.all(
    logs.map(async log => ((await ifThere(stat(log.path)))?.ino === current.inode ? [] : [log])),
  );
  return others.flat();
}
