// Runs a program to its end. Not for hot paths.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { mapHostError } from './errors.ts';

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
  readonly signal: AbortSignal;
}

/** Any exit code is a result; a program that cannot be started is an error (NotFoundError when it is not installed). */
export async function runCommand(
  program: string,
  args: readonly string[],
  { input = '', env = {}, signal }: CommandOptions,
): Promise<CommandResult> {
  signal.throwIfAborted();
  const child = spawn(program, args, {
    stdio: 'pipe',
    env: { ...process.env, ...env },
    signal,
    killSignal: 'SIGKILL',
  });
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
    throw mapHostError(error);
  }
}
