// What the commands in hack/ share: how they show progress, end, and report failure.
import { errorMessage } from '../../agent/lib/errors.ts';
import type { Log } from './step.ts';

const INTERRUPTED_EXIT_CODE = 130;

/** Prints each line with the time since the command began. */
export function timedLog(): Log {
  const startedAtMs = performance.now();
  return line => {
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
    console.error(`[${seconds.padStart(6)}s] ${line}`);
  };
}

/** Runs a command's work; Ctrl-C aborts it, and a failure is told in plain words. */
export async function runCommand(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  try {
    await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) {
      console.error('interrupted; the next run continues from here');
      process.exitCode = INTERRUPTED_EXIT_CODE;
      return;
    }
    console.error(errorMessage(error));
    process.exitCode = 1;
  }
}
