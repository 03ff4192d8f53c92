// What a running agent leaves behind, so that the local commands know something when it is down.
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { PodExplanation } from './explanation.ts';

const LOOK_MS = 30_000;
const FILE_MODE = 0o600;

export interface LastState {
  readonly atMs: number;
  readonly pods: readonly PodExplanation[];
}

/** Writes what holds pods up, every half minute if it has changed and once more at the end. */
export async function runLastState(
  path: string,
  explainAll: () => readonly PodExplanation[],
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  let written = '';
  for (;;) {
    await sleep(LOOK_MS, { signal });
    const pods = explainAll();
    const text = pods.map(({ uid, phase, blocker }) => `${uid} ${phase} ${blocker?.message}`).join('\n');
    if (text !== written) {
      await write(path, { atMs: Date.now(), pods }, logger);
      written = text;
    }
    if (signal.aborted) return;
  }
}

async function write(path: string, state: LastState, logger: Logger): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, JSON.stringify(state), FILE_MODE);
  } catch (error) {
    logger.debug({ path, err: error }, 'last state not written'); // a full /run is told by others
  }
}

/** Undefined when there is none, or it cannot be read. */
export async function readLastState(path: string): Promise<LastState | undefined> {
  try {
    // Ours, written whole: see above.
    return JSON.parse(await readFile(path, 'utf8')) as LastState;
  } catch {
    return undefined; // never ran since the boot, or not root: the runtime answers then
  }
}
