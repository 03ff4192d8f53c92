import { totalmem } from 'node:os';
import { parseSwaps } from '../host/swaps.ts';
import { type Check, fail, ok, warn } from './finding.ts';
import { readText } from './look.ts';

const LEAST_BYTES = 512 * 1024 * 1024;

export const memory: Check = {
  name: 'memory',
  run: () => {
    const megabytes = Math.round(totalmem() / 1024 / 1024);
    if (totalmem() >= LEAST_BYTES) return [ok(`${megabytes} MiB`)];
    return [
      warn(`${megabytes} MiB is little for containerd, nodelet and pods`, 'give the machine more memory'),
    ];
  },
};

export const swap: Check = {
  name: 'swap',
  run: ({ config }) => {
    const names = parseSwaps(readText('/proc/swaps') ?? '');
    if (names.length === 0) return [ok('off')];
    const { failSwapOn, swapBehavior } = config.runtime;
    if (!failSwapOn) return [ok(`on (${names.join(', ')}); for containers: ${swapBehavior}`)];
    const mend = "swapoff -a && sed -i '/\\sswap\\s/s/^/#/' /etc/fstab; or set failSwapOn: false";
    return [fail(`swap is on (${names.join(', ')}), and failSwapOn keeps nodelet from starting`, mend)];
  },
};
