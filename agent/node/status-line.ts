// The one line that `systemctl status` shows.
import type { ServiceNotifier } from '../host/notify.ts';
import { sleep } from '../lib/sleep.ts';
import { joinProblems } from './conditions.ts';

export interface ServiceState {
  /** Undefined until the node was looked at for the first time. */
  readonly problems: readonly string[] | undefined;
  readonly podCount: number;
}

// Every wake-up of a quiet agent costs: ten a second are half of what it may use.
const LOOK_MS = 5000;
const FIRST_LOOK_MS = 500; // until the node has been looked at

/** Keeps the service manager's status line true. */
export async function runStatusLine(
  notifier: Pick<ServiceNotifier, 'status'>,
  look: () => ServiceState,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  let told = '';
  while (!signal.aborted) {
    const state = look();
    const line = buildStatusLine(state);
    if (line !== told) notifier.status(line);
    told = line;
    await sleep(state.problems === undefined ? FIRST_LOOK_MS : LOOK_MS, { signal });
  }
}

export function buildStatusLine({ problems, podCount }: ServiceState): string {
  if (problems === undefined) return 'starting';
  const pods = `${podCount} ${podCount === 1 ? 'pod' : 'pods'}`;
  return problems.length === 0 ? `node is ready, ${pods}` : `node is not ready: ${joinProblems(problems)}`;
}
