// Log files as blocks of whole records.

import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

const BLOCK_BYTES = 128 * 1024;
const RECORD_MAX_BYTES = 1024 * 1024; // containerd splits at 16 KiB; what is longer is no log of ours
const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

/** Cuts what comes in after its last newline and keeps the rest for the next time. */
class RecordCutter {
  #rest: Buffer = NOTHING;

  push(chunk: Buffer): Buffer {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    const whole = end === 0 ? NOTHING : this.#prepend(chunk.subarray(0, end));
    const begun = chunk.subarray(end);
    // A copy: whoever reads uses the chunk's memory again.
    const rest = end === 0 ? Buffer.concat([this.#rest, begun]) : Buffer.from(begun);
    this.#rest = rest.length > RECORD_MAX_BYTES ? NOTHING : rest;
    return whole;
  }

  /** What stands behind the last newline. */
  takeRest(): Buffer {
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest;
  }

  #prepend(chunk: Buffer): Buffer {
    return this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }
}

/** An open log that may still grow. */
export class LogTail implements AsyncDisposable {
  readonly inode: number;
  readonly #file: FileHandle;
  /** Read into again and again: a gigabyte of fresh buffers would keep the garbage collector busier than the reading. */
  #buffer: Buffer = NOTHING;
  /** Bytes of a record without its end, at the start of the buffer. */
  #kept = 0;
  #position = 0;

  private constructor(file: FileHandle, inode: number) {
    this.#file = file;
    this.inode = inode;
  }

  static async open(path: string): Promise<LogTail> {
    const file = await open(path, 'r');
    const { ino } = await file.stat();
    return new LogTail(file, ino);
  }

  get file(): FileHandle {
    return this.#file;
  }

  startAt(position: number): void {
    this.#position = position;
  }

  /** Whole records up to what is the end now. A block is good until the next one is asked for. */
  async *blocks(): AsyncGenerator<Buffer> {
    for (;;) {
      this.#makeRoom();
      const room = this.#buffer.length - this.#kept;
      const { bytesRead } = await this.#file.read(this.#buffer, this.#kept, room, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      const filled = this.#kept + bytesRead;
      const end = this.#buffer.subarray(this.#kept, filled).lastIndexOf(NEWLINE) + 1;
      if (end === 0) {
        this.#kept = filled;
        continue;
      }
      const whole = this.#kept + end;
      this.#kept = 0; // should nobody ask for more
      yield this.#buffer.subarray(0, whole);
      this.#buffer.copyWithin(0, whole, filled);
      this.#kept = filled - whole;
    }
  }

  #makeRoom(): void {
    if (this.#kept < this.#buffer.length) return;
    if (this.#kept >= RECORD_MAX_BYTES) {
      this.#kept = 0;
      return;
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#kept);
    this.#buffer = larger;
  }

  /** A last record without its newline: whoever wrote it was stopped. */
  takeRest(): Buffer {
    const rest = Buffer.from(this.#buffer.subarray(0, this.#kept));
    this.#kept = 0;
    return rest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** A rotated log from its start, whole records only, without its first `skip` ones. */
export async function* readPackedLog(path: string, skip: number): AsyncGenerator<Buffer> {
  const cutter = new RecordCutter();
  let left = skip;
  for await (const chunk of unpack(path)) {
    let block = cutter.push(chunk);
    if (left > 0) ({ block, left } = dropRecords(block, left));
    if (block.length > 0) yield block;
  }
  const rest = cutter.takeRest();
  if (rest.length > 0 && left === 0) yield rest;
}

export async function countPackedRecords(path: string): Promise<number> {
  let count = 0;
  for await (const chunk of unpack(path)) count += countNewlines(chunk);
  return count;
}

function unpack(path: string): AsyncIterable<Buffer> {
  // The error, if any, comes out of the reading end.
  return pipeline(createReadStream(path), createGunzip({ chunkSize: BLOCK_BYTES }), () => undefined);
}

function dropRecords(block: Buffer, count: number): { readonly block: Buffer; readonly left: number } {
  let start = 0;
  let left = count;
  while (left > 0) {
    const newline = block.indexOf(NEWLINE, start);
    if (newline < 0) break;
    start = newline + 1;
    left -= 1;
  }
  return { block: block.subarray(start), left };
}

function countNewlines(block: Buffer): number {
  let count = 0;
  for (let at = block.indexOf(NEWLINE); at >= 0; at = block.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

export interface TailPosition {
  /** Where the wanted records begin. */
  readonly offset: number;
  /** How many there are, at most as many as wanted. */
  readonly records: number;
}

/** Looks from the end for the start of the last `wanted` records; one without its newline is not counted. */
export async function findTail(file: FileHandle, wanted: number): Promise<TailPosition> {
  const { size } = await file.stat();
  if (wanted === 0) return { offset: size, records: 0 };
  const buffer = Buffer.allocUnsafe(Math.min(size, BLOCK_BYTES));
  let records = -1; // the newline of the record before the first wanted one tells its start
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - buffer.length);
    const { bytesRead } = await file.read(buffer, 0, end - start, start);
    const block = buffer.subarray(0, bytesRead);
    for (let at = block.lastIndexOf(NEWLINE); at >= 0; ) {
      records += 1;
      if (records === wanted) return { offset: start + at + 1, records };
      if (at === 0) break;
      at = block.lastIndexOf(NEWLINE, at - 1);
    }
    end = start;
  }
  return { offset: 0, records: records + 1 };
}
