import { readFile } from 'node:fs/promises';
import { type RunOptions, runOk } from './run.ts';

/** Unmounts whatever the host has mounted below a directory, deepest first. Normally nothing: nodes mount privately. */
export async function releaseMounts(directory: string, options: RunOptions): Promise<void> {
  const mountInfo = await readFile('/proc/self/mountinfo', 'utf8');
  const mountPoints = mountInfo
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(mountPoint => mountPoint.startsWith(`${directory}/`));
  for (const mountPoint of mountPoints.toReversed()) await runOk('umount', ['--lazy', mountPoint], options);
}
