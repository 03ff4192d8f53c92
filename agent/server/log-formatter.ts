// CRI log records in, what the container said out. A record is `TIME STREAM TAG CONTENT\n`; tag P says that the line
// goes on in the next record. Works on whole blocks of bytes: a string per line would cost more than all the rest.

import type { LogStream } from './log-query.ts';

const NEWLINE = 0x0a;
const SPACE = 0x20;
const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;
const LETTER_P = 0x50;
const LETTER_T = 0x54;

const STDOUT = Buffer.from('stdout ');
const STDERR = Buffer.from('stderr ');
const STREAM_BYTES = STDOUT.length;

const NANO_DIGITS = 9;
// The shortest time is that of a whole second in UTC; the longest has nine digits more and an offset.
const TIME_MIN_BYTES = 20;
const TIME_MAX_BYTES = 35;
const DATE_BYTES = 19; // 2006-01-02T15:04:05
const DATE_END = 10;

export interface LogFormat {
  readonly timestamps: boolean;
  readonly sinceMs: number | undefined;
  readonly stream: LogStream | undefined;
}

export class LogFormatter {
  readonly #format: LogFormat;
  #isLineStart = true;
  #recordsLeft: number;
  #lastSecond = { text: Buffer.alloc(DATE_BYTES), ms: 0 };

  /** `maxRecords` counts all that is read, also what is left out. */
  constructor(format: LogFormat, maxRecords = Number.POSITIVE_INFINITY) {
    this.#format = format;
    this.#recordsLeft = maxRecords;
  }

  /** True when as many records as were wanted have been read. */
  get isDone(): boolean {
    return this.#recordsLeft <= 0;
  }

  /** Turns a block of whole records into output. What is no record is left out. */
  convert(input: Buffer): Buffer {
    // A time may grow by ten bytes, and stream and tag, nine at least, go.
    const output = Buffer.allocUnsafe(
      input.length + Math.ceil(input.length / TIME_MIN_BYTES) + TIME_MAX_BYTES,
    );
    let length = 0;
    for (let start = 0; start < input.length && !this.isDone; ) {
      const newline = input.indexOf(NEWLINE, start);
      const end = newline < 0 ? input.length : newline;
      length = this.#convertRecord(input, start, end, output, length);
      this.#recordsLeft -= 1;
      start = end + 1;
    }
    return output.subarray(0, length);
  }

  #convertRecord(input: Buffer, start: number, end: number, output: Buffer, length: number): number {
    const timeEnd = findByte(input, SPACE, start + TIME_MIN_BYTES, Math.min(end, start + TIME_MAX_BYTES + 1));
    if (timeEnd < 0 || input[start + DATE_END] !== LETTER_T) return length;
    const stream = streamAt(input, timeEnd + 1);
    const tag = timeEnd + 1 + STREAM_BYTES;
    const tagEnd = stream === undefined ? -1 : findByte(input, SPACE, tag, end);
    if (stream === undefined || tagEnd < 0) return length;
    const next = input[tag + 1];
    const isPartial = input[tag] === LETTER_P && (next === SPACE || next === COLON);
    const content = tagEnd + 1;
    const isLineStart = this.#isLineStart;
    this.#isLineStart = !isPartial || content === end;
    if (this.#isLeftOut(input, start, timeEnd, stream)) return length;
    let at = length;
    if (this.#format.timestamps && isLineStart) at = writeTime(input, start, timeEnd, output, at);
    at += input.copy(output, at, content, end);
    if (!isPartial) at = output.writeUInt8(NEWLINE, at);
    return at;
  }

  #isLeftOut(input: Buffer, start: number, timeEnd: number, stream: LogStream): boolean {
    if (this.#format.stream !== undefined && stream !== this.#format.stream) return true;
    const { sinceMs } = this.#format;
    if (sinceMs === undefined) return false;
    const secondMs = this.#secondOf(input, start, timeEnd);
    if (secondMs + 1000 <= sinceMs) return true;
    return secondMs < sinceMs && Date.parse(input.toString('latin1', start, timeEnd)) < sinceMs;
  }

  // Thousands of records share their second; taking the same text apart again would be most of the work.
  #secondOf(input: Buffer, start: number, timeEnd: number): number {
    const known = this.#lastSecond;
    if (input.compare(known.text, 0, DATE_BYTES, start, start + DATE_BYTES) === 0) return known.ms;
    const text = Buffer.from(input.subarray(start, start + DATE_BYTES));
    const ms = Math.floor(Date.parse(input.toString('latin1', start, timeEnd)) / 1000) * 1000;
    this.#lastSecond = { text, ms };
    return ms;
  }
}

// Times are short, so looking byte by byte is quicker than a call out of JavaScript.
function findByte(input: Buffer, byte: number, from: number, to: number): number {
  for (let index = from; index < to; index += 1) if (input[index] === byte) return index;
  return -1;
}

function streamAt(input: Buffer, start: number): LogStream | undefined {
  if (startsWith(input, start, STDOUT)) return 'stdout';
  return startsWith(input, start, STDERR) ? 'stderr' : undefined;
}

function startsWith(input: Buffer, start: number, expected: Buffer): boolean {
  for (let index = 0; index < expected.length; index += 1) {
    if (input[start + index] !== expected[index]) return false;
  }
  return true;
}

/** The time with all nine digits, and a space. */
function writeTime(input: Buffer, start: number, timeEnd: number, output: Buffer, length: number): number {
  const date = start + DATE_BYTES;
  let at = length + input.copy(output, length, start, date);
  let zone = date;
  if (input[date] === DOT) {
    zone = date + 1;
    while (zone < timeEnd && isDigit(input[zone])) zone += 1;
  }
  const digits = Math.max(0, zone - date - 1);
  output[at] = DOT;
  at += 1;
  at += input.copy(output, at, date + 1, date + 1 + Math.min(digits, NANO_DIGITS));
  for (let missing = digits; missing < NANO_DIGITS; missing += 1) {
    output[at] = ZERO;
    at += 1;
  }
  at += input.copy(output, at, zone, timeEnd);
  output[at] = SPACE;
  return at + 1;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}
