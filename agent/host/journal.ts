// Log lines as journal entries with fields, so that `journalctl -u nodelet POD=web-1` filters;
// systemd "Native Journal Protocol".
import { fstatSync, writeSync } from 'node:fs';
import { Counter } from 'prom-client';
import { metricsRegistry } from '../lib/metrics.ts';
import { UnixDatagramSender } from './unix-datagram.ts';

const droppedLines = new Counter({
  name: 'nodelet_journal_dropped_lines_total',
  help: 'Log lines that the journal did not take.',
  registers: [metricsRegistry],
});

const JOURNAL_SOCKET = '/run/systemd/journal/socket';
const IDENTIFIER = 'nodelet';

// A datagram must fit a socket's default send buffer of about 200 KiB: few fields are long, and none needs this much.
const MAX_VALUE_BYTES = 32 * 1024;
const MAX_ENTRY_BYTES = 160 * 1024;
const MAX_FIELD_NAME_LENGTH = 64;

// A burst outruns journald, whose queue holds few datagrams; keep what comes until it has caught up.
const MAX_BACKLOG_ENTRIES = 2000;
const RETRY_MS = 5;

// syslog(3) priorities
const PRIORITIES: Readonly<Record<string, number>> = {
  fatal: 2,
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
  trace: 7,
};

// In the message too, for `journalctl` without -o: what a reader needs to know which pod is meant.
const MESSAGE_FIELDS = ['pod', 'container', 'reason', 'attempt', 'durationMs'];
// level and msg have fields of their own; the journal has its own clock.
const CONSUMED_FIELDS = new Set(['level', 'msg', 'time', 'pod', 'err']);

export type LogRecord = Readonly<Record<string, unknown>>;

/** The datagram of one log record. `pod: ns/name` becomes POD and NAMESPACE, `podUID` POD_UID, `err` ERROR. */
export function buildJournalEntry(record: LogRecord): Buffer {
  const parts: Buffer[] = [];
  let size = 0;
  for (const [name, value] of journalFields(record)) {
    const part = encodeField(name, value);
    if (size + part.length > MAX_ENTRY_BYTES) continue;
    parts.push(part);
    size += part.length;
  }
  return Buffer.concat(parts);
}

function journalFields(record: LogRecord): readonly (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [
    ['PRIORITY', `${PRIORITIES[String(record['level'])] ?? PRIORITIES['info']}`],
    ['SYSLOG_IDENTIFIER', IDENTIFIER],
    ['MESSAGE', messageOf(record)],
    ...podFields(record['pod']),
    ...errorFields(record['err']),
  ];
  for (const [name, value] of Object.entries(record)) {
    if (!CONSUMED_FIELDS.has(name) && value !== undefined) fields.push([fieldName(name), textOf(value)]);
  }
  return fields;
}

function messageOf(record: LogRecord): string {
  const facts = MESSAGE_FIELDS.filter(name => record[name] !== undefined).map(
    name => `${name}=${textOf(record[name])}`,
  );
  const error = errorFields(record['err']).find(([name]) => name === 'ERROR')?.[1];
  const text = [textOf(record['msg'] ?? ''), ...facts].join(' ');
  return error === undefined ? text : `${text}: ${error}`;
}

function podFields(pod: unknown): readonly (readonly [string, string])[] {
  if (typeof pod !== 'string') return [];
  const slash = pod.indexOf('/');
  if (slash < 0) return [['POD', pod]];
  return [
    ['POD', pod.slice(slash + 1)],
    ['NAMESPACE', pod.slice(0, slash)],
  ];
}

function errorFields(error: unknown): readonly (readonly [string, string])[] {
  if (error === undefined || error === null) return [];
  if (typeof error !== 'object') return [['ERROR', textOf(error)]];
  const fields: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(error)) {
    if (value === undefined) continue;
    fields.push([name === 'message' ? 'ERROR' : `ERROR_${fieldName(name)}`, textOf(value)]);
  }
  return fields;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** `podUID` becomes POD_UID; journald takes A-Z, 0-9 and inner underscores only. */
function fieldName(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
  const clean = words.replace(/[^A-Z0-9]+/g, '_').replace(/^[_0-9]+/, '');
  return (clean || 'FIELD').slice(0, MAX_FIELD_NAME_LENGTH);
}

// A value with newlines goes as length and bytes instead of `NAME=value`.
function encodeField(name: string, text: string): Buffer {
  const value = truncate(Buffer.from(text, 'utf8'));
  if (!value.includes(0x0a)) return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.from('\n')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from('\n')]);
}

function truncate(value: Buffer): Buffer {
  return value.length <= MAX_VALUE_BYTES
    ? value
    : Buffer.concat([value.subarray(0, MAX_VALUE_BYTES), Buffer.from('...')]);
}

/** Whether a descriptor goes to the journal: $JOURNAL_STREAM is `device:inode` of the stream journald gave us. */
export function isJournalStream(journalStream: string | undefined, fd: number): boolean {
  if (journalStream === undefined) return false;
  const { dev, ino } = fstatSync(fd);
  return journalStream === `${dev}:${ino}`;
}

/** A pino destination that sends to the journal and never waits for it: what it cannot take at once is kept a while. */
export class JournalStream implements Disposable {
  readonly #sender: UnixDatagramSender;
  readonly #backlog: Buffer[] = [];
  #retryTimer: NodeJS.Timeout | undefined;

  constructor({ socketPath = JOURNAL_SOCKET }: { readonly socketPath?: string } = {}) {
    this.#sender = new UnixDatagramSender(socketPath);
  }

  /** One JSON line of the logger. */
  write(line: string): void {
    // Our own logger made it: an object, always.
    const entry = buildJournalEntry(JSON.parse(line) as LogRecord);
    this.#sendBacklog();
    const outcome = this.#backlog.length > 0 ? 'EAGAIN' : this.#sender.send(entry);
    if (outcome === 'sent') return;
    if (outcome === 'EAGAIN') {
      this.#keep(entry);
      return;
    }
    droppedLines.inc();
    writeToStderr(line);
  }

  // EAGAIN: journald is there and behind; its stream of our stderr would be too.
  #keep(entry: Buffer): void {
    if (this.#backlog.length >= MAX_BACKLOG_ENTRIES) droppedLines.inc();
    else this.#backlog.push(entry);
    this.#retryTimer ??= setTimeout(() => this.#retry(), RETRY_MS);
  }

  #retry(): void {
    this.#sendBacklog();
    this.#retryTimer = this.#backlog.length > 0 ? setTimeout(() => this.#retry(), RETRY_MS) : undefined;
  }

  #sendBacklog(): void {
    while (this.#backlog[0]) {
      const outcome = this.#sender.send(this.#backlog[0]);
      if (outcome === 'EAGAIN') return;
      if (outcome !== 'sent') droppedLines.inc();
      this.#backlog.shift();
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#retryTimer);
    this.#sendBacklog();
    this.#sender[Symbol.dispose]();
  }
}

function writeToStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Nobody is left to tell; the counter has it.
  }
}
