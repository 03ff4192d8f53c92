import { release } from 'node:os';
import { type Check, fail, ok, warn } from './finding.ts';
import { findProgram, readText } from './look.ts';

// Kubernetes' own node requirements: what is older lacks fixes for cgroups and for conntrack.
const OLDEST_SUPPORTED: readonly [number, number] = [4, 19];

export const kernel: Check = {
  name: 'kernel',
  run: () => {
    const [major = 0, minor = 0] = release().split('.').map(Number);
    const [oldMajor, oldMinor] = OLDEST_SUPPORTED;
    const isOld = major < oldMajor || (major === oldMajor && minor < oldMinor);
    return [
      isOld
        ? warn(`Linux ${release()} is older than ${OLDEST_SUPPORTED.join('.')}`, 'upgrade the distribution')
        : ok(`Linux ${release()}`),
    ];
  },
};

export const modules: Check = {
  name: 'modules',
  run: () => {
    const fileSystems = readText('/proc/filesystems') ?? '';
    const hasOverlay = /\boverlay$/m.test(fileSystems);
    const canLoad = findProgram('modprobe') !== undefined;
    return [
      hasOverlay
        ? ok('overlay is there')
        : fail('the kernel has no overlay file system: containerd cannot unpack images', 'modprobe overlay'),
      ...(canLoad
        ? []
        : [warn('modprobe is missing: kernel modules cannot be loaded', 'apt-get install kmod')]),
    ];
  },
};
