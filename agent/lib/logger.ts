// One log line per state change: a constant message, the facts in fields. Where lines go is decided here for a pipe or
// a terminal, and by the caller's stream for everything else (the journal lives in host/).
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;
export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** A line longer than this much of unread output is dropped: a reader that stopped must not grow our memory. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

// A cause below this depth adds noise, and a cycle must end somewhere.
const MAX_CAUSES = 4;

export interface LoggerOptions {
  readonly level: LogLevel;
  /** On stdout; auto: text, for people, on a terminal and JSON lines elsewhere. */
  readonly format?: 'auto' | 'json' | 'text';
  /** Gets each JSON line in place of stdout. */
  readonly stream?: DestinationStream;
}

/** The root logger; everybody else gets a child with `component` and further fields. Its level is that of all. */
export async function createLogger({ level, format = 'auto', stream }: LoggerOptions): Promise<Logger> {
  const children = new LoggerSet();
  const root = pino(
    {
      level,
      base: null, // pid and host name are known to whoever reads the stream
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { err: describeError },
      onChild: child => children.add(child),
    },
    stream ?? (await openStdout(format)),
  );
  root.on('level-change', (changed, _value, _before, _valueBefore, logger) => {
    if (logger === root) children.setLevel(changed); // children tell of theirs by the same listener
  });
  return root;
}

/** Those that are still in use: a child copies the level when it is made. */
class LoggerSet {
  readonly #refs = new Set<WeakRef<Logger>>();
  readonly #gone = new FinalizationRegistry<WeakRef<Logger>>(ref => this.#refs.delete(ref));

  add(logger: Logger): void {
    const ref = new WeakRef(logger);
    this.#refs.add(ref);
    this.#gone.register(logger, ref);
  }

  setLevel(level: string): void {
    for (const ref of this.#refs) {
      const logger = ref.deref();
      if (logger) logger.level = level;
    }
  }
}

/** For tests and for the moment before the configuration is read. */
export function createSilentLogger(): Logger {
  return pino({ level: 'silent' });
}

async function openStdout(format: 'auto' | 'json' | 'text'): Promise<DestinationStream> {
  if (format === 'text' || (format === 'auto' && process.stdout.isTTY)) {
    const { default: pretty } = await import('pino-pretty');
    return pretty({
      destination: 1,
      sync: true,
      colorize: process.stdout.isTTY,
      singleLine: true,
      translateTime: 'SYS:HH:MM:ss.l',
    });
  }
  return pino.destination({ fd: 1, sync: false, maxLength: MAX_BUFFERED_BYTES });
}

export interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
}

/** An error as log field: the message with its causes; a stack only for what has no code, since that is a bug of ours. */
export function describeError(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const code = errorCode(error);
  return {
    type: error.name,
    message: messageWithCauses(error),
    ...(code === undefined ? {} : { code }),
    ...(code === undefined && error.stack !== undefined ? { stack: error.stack } : {}),
  };
}

function errorCode(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function messageWithCauses(error: Error): string {
  let text = error.message;
  let cause = error.cause;
  for (let depth = 0; cause instanceof Error && depth < MAX_CAUSES; depth++) {
    // Our own wrappers often quote the cause already.
    if (!text.includes(cause.message)) text += `: ${cause.message}`;
    cause = cause.cause;
  }
  return text;
}
