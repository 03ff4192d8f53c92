import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { mapHostError } from './errors.ts';
import { isStillborn, stillbornError } from './stillborn.ts';

/**
 * What a program says, on both its outputs, as it says it and no faster than it is read. It is killed when the signal
 * aborts or nobody reads on. NotFoundError when it is not installed.
 */
export async function* streamCommand(
  program: string,
  args: readonly string[],
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const over = new AbortController();
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, over.signal]),
    killSignal: 'SIGKILL',
  });
  if (isStillborn(child)) throw await stillbornError(child);
  const output = new PassThrough();
  child.once('error', error => output.destroy(error));
  child.once('close', () => output.end());
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  try {
    yield* output;
  } catch (error) {
    throw mapHostError(error);
  } finally {
    child.on('error', () => undefined); // the abort's echo
    over.abort();
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      await once(child, 'close');
  }
}
