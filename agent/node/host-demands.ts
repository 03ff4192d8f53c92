// What the configuration demands of the machine: where it is otherwise the agent does not start.
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { parseSwaps } from '../host/swaps.ts';
import { InvalidError } from '../lib/errors.ts';
import { ifThere } from '../lib/if-there.ts';

interface Demands {
  readonly runtime: Pick<Config['runtime'], 'failCgroupV1' | 'failSwapOn'>;
  readonly pods: Pick<Config['pods'], 'singleProcessOOMKill'>;
}

/** Throws InvalidError with a sentence for what is not as demanded. */
export async function checkHostDemands(
  { runtime: { failCgroupV1, failSwapOn }, pods: { singleProcessOOMKill } }: Demands,
  { cgroupVersion }: { readonly cgroupVersion: 1 | 2 },
): Promise<void> {
  if (failCgroupV1 && cgroupVersion === 1) {
    const text = 'this machine has cgroup version 1: boot it with version 2, or set failCgroupV1: false';
    throw new InvalidError(text, { code: 'CgroupV1' });
  }
  if (singleProcessOOMKill === false && cgroupVersion === 1) {
    const text = 'singleProcessOOMKill: false needs cgroup version 2: leave it out, or set it to true';
    throw new InvalidError(text, { code: 'CgroupV1' });
  }
  if (!failSwapOn) return;
  const areas = parseSwaps((await ifThere(readFile('/proc/swaps', 'utf8'))) ?? '');
  if (areas.length === 0) return;
  const text = `swap is on (${areas.join(', ')}): switch it off with swapoff -a, or set failSwapOn: false`;
  throw new InvalidError(text, { code: 'SwapOn' });
}
