// Runs a program to its end. Not for hot paths.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { UnavailableError } from '../lib/errors.ts';
import { mapHostError } from './errors.ts';
import { isStillborn, stillbornError } from './stillborn.ts';

export interface CommandResult {
  /** undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string | Buffer;
  /** Beside our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** It is killed after that; left out: two minutes, the longest that anybody waits for the runtime either. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 120_000;

/** Any exit code is a result; a program that cannot be started is an error (NotFoundError when it is not installed). */
export async function runCommand(
  program: string,
  args: readonly string[],
  { input = '', env = {}, timeoutMs = TIMEOUT_MS, signal }: CommandOptions,
): Promise<CommandResult> {
  signal.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMs);
  const child = spawn(program, args, {
    stdio: 'pipe',
    env: { ...process.env, ...env },
    signal: AbortSignal.any([signal, timeout]),
    killSignal: 'SIGKILL',
  });
  if (isStillborn(child)) throw await stillbornError(child);
  // A program that ends before it read its input is judged by its exit code.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  try {
    const [[code], stdout, stderr] = await Promise.all([
      once(child, 'close'),
      buffer(child.stdout),
      buffer(child.stderr),
    ]);
    return {
      exitCode: typeof code === 'number' ? code : undefined,
      stdout: stdout.toString('utf8'),
      stderr: stderr.toString('utf8'),
    };
  } catch (error) {
    if (!timeout.aborted || signal.aborted) throw mapHostError(error);
    const message = `${program} did not end within ${timeoutMs / 1000} s and was killed`;
    throw new UnavailableError(message, { code: 'Timeout', cause: error });
  }
}
