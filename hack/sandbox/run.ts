// The one place that starts child processes.
import { type SpawnOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024; // per stream; more than this is a mistake, not a result
const QUOTED_OUTPUT_LINES = 20;

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** File descriptor that gets stdout and stderr instead of the result. */
  readonly outputFd?: number;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that ended with a status other than 0; the message quotes the end of what it said. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(command: string, result: RunResult) {
    const said = lastLines(`${result.stdout}\n${result.stderr}`, QUOTED_OUTPUT_LINES);
    super(`${command}: exit status ${result.exitCode}${said === '' ? '' : `\n${said}`}`);
    this.exitCode = result.exitCode;
  }
}

/** Runs a command to its end in a process group of its own, which an abort ends as a whole. */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const output = options.outputFd ?? 'pipe';
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? process.env,
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', output, output],
  } satisfies SpawnOptions);
  const killGroup = () => {
    // The group is gone when its leader has been reaped, which the `exitCode` tells.
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid, 'SIGKILL');
    }
  };
  options.signal.addEventListener('abort', killGroup, { once: true });
  try {
    if (options.signal.aborted) killGroup();
    // A command may end without reading its input; its exit status says whether that matters.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
    const [exitCode, stdout, stderr] = await Promise.all([
      ended,
      collect(child.stdout),
      collect(child.stderr),
    ]);
    options.signal.throwIfAborted();
    return { exitCode, stdout, stderr };
  } finally {
    options.signal.removeEventListener('abort', killGroup);
  }
}

/** Like `run`, returns stdout, and throws a CommandError for any exit status but 0. */
export async function runOk(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const result = await run(command, args, options);
  if (result.exitCode !== 0) throw new CommandError([command, ...args].join(' '), result);
  return result.stdout;
}

/** Runs a command on this terminal and returns its exit status. */
export async function runInForeground(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit' });
  // Ctrl-C reaches the whole foreground group; the command decides what it means.
  process.on('SIGINT', () => undefined);
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

export function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n');
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  if (stream === null) return '';
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_OUTPUT_BYTES) throw new Error(`a command wrote more than ${MAX_OUTPUT_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
}
