import { readdir } from 'node:fs/promises';
import { STATE_ROOT } from '../sandbox/paths.ts';
import { identifyProcess } from '../sandbox/process.ts';
import { destroySandbox } from '../sandbox/sandbox.ts';
import type { Log } from '../sandbox/step.ts';

/** Tests name the sandboxes they make after their process. */
const NAME = /^(?:cnf|cri|flt|net|node|sysd|test|tst2|two)-(\d+)$/;

/** Removes the sandboxes of test runs that were killed, this one's included. */
export async function removeLeftovers(log: Log): Promise<void> {
  const names = await readdir(STATE_ROOT).catch(() => []); // none was ever made
  for (const name of names) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined || (await identifyProcess(Number(pid))) !== undefined) continue;
    await destroySandbox(name, { signal: new AbortController().signal, log });
  }
}
