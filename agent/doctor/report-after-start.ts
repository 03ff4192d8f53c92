import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { DoctorContext } from './finding.ts';

const REPORT_AFTER_MS = 15_000;

/** Once after a start: each failure as a log line. Later than the start, which itself mends some of them. */
export async function reportAfterStart(
  loadContext: () => Promise<DoctorContext>,
  logger: Logger,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  await sleep(REPORT_AFTER_MS, { signal });
  if (signal.aborted) return;
  const { examine } = await import('./examine.ts'); // a start does not wait for two dozen checks to be loaded
  for (const { check, status, message, mend } of await examine(await loadContext(), { signal })) {
    if (status === 'fail') logger.warn({ check, reason: message, mend }, 'this machine has a fault');
  }
}
