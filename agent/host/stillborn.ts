// A program for which there is no descriptor left. Node then makes no streams, whatever the types say, and tells by an
// event; a listener that comes later than this turn comes too late, and the event ends the agent.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mapHostError } from './errors.ts';

export function isStillborn(child: ChildProcess): boolean {
  return !child.stdout;
}

/** Why; to be called in the turn of the start. */
export async function stillbornError(child: ChildProcess): Promise<unknown> {
  const [error]: unknown[] = await once(child, 'error');
  return mapHostError(error);
}
