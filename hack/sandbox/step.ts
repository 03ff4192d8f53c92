import { readFile } from 'node:fs/promises';
import { errorMessage } from '../../agent/lib/errors.ts';
import { lastLines } from './run.ts';

/** Receives one line of progress, without a line end. */
export type Log = (line: string) => void;

const QUOTED_LOG_LINES = 15;

/** A step that failed: the message has the cause, the end of the step's own log, and what to do. */
class StepError extends Error {
  override readonly name = 'StepError';
}

interface StepOptions {
  readonly log: Log;
  /** Quoted when the step fails. */
  readonly logPath?: string;
  readonly advice: string;
}

export async function step<T>(title: string, options: StepOptions, work: () => Promise<T>): Promise<T> {
  options.log(title);
  try {
    return await work();
  } catch (error) {
    if (error instanceof StepError) throw error;
    const quoted = options.logPath === undefined ? '' : await quoteLog(options.logPath);
    const message = `failed: ${title}\n${errorMessage(error)}\n${quoted}What to do: ${options.advice}`;
    throw new StepError(message, { cause: error });
  }
}

async function quoteLog(path: string): Promise<string> {
  // A step that failed before it wrote anything has no log, which is no second failure.
  const text = await readFile(path, 'utf8').catch(() => '');
  return text === '' ? '' : `Last lines of ${path}:\n${lastLines(text, QUOTED_LOG_LINES)}\n`;
}
