// The one line that `systemctl status` shows.
import type { ServiceNotifier } from '../host/notify.ts';
import { sleep } from '../lib/sleep.ts';
import { joinProblems } from './conditions.ts';

export interface ServiceState {
  /** Undefined until the node was looked at for the first time. */
  readonly problems: readonly string[] | undefined;
  readonly podCount: number;
}

const LOOK_MS = 1000;

/** Keeps the service manager's status line true. */
export async function runStatusLine(
  notifier: Pick<ServiceNotifier, 'status'>,
  look: () => ServiceState,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  let told = '';
  while (!signal.aborted) {
    const line = buildStatusLine(look());
    if (line !== told) notifier.status(line);
    told = line;
    await sleep(LOOK_MS, { signal });
  }
}

export function buildStatusLine({ problems, podCount }: ServiceState): string {
  if (problems === undefined) return 'starting';
  const pods = `${podCount} ${podCount === 1 ? 'pod' : 'pods'}`;
  return problems.length === 0 ? `node is ready, ${pods}` : `node is not ready: ${joinProblems(problems)}`;
}
