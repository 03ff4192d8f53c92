// What the kernel's cgroups can do here beyond what every kernel can: a limit that nobody enforces is an error for runc.

import { readFile } from 'node:fs/promises';
import { pathExists } from '../lib/if-there.ts';
import type { Cgroups } from './cgroup.ts';
import { readOwnCgroup } from './own-cgroup.ts';

export interface CgroupFeatures {
  /** Swap can be limited by itself (version 2) or with memory (version 1). */
  readonly hasSwapControl: boolean;
  readonly hasHugepageControl: boolean;
}

export async function readCgroupFeatures(cgroups: Cgroups): Promise<CgroupFeatures> {
  // The root of version 2 has no limits of its own, so our own cgroup is asked.
  const own = (cgroups.version === 2 ? await readOwnCgroup(2) : undefined) ?? '/';
  const memory = cgroups.directory(own, 'memory');
  const hugetlb = cgroups.directory('/', 'hugetlb');
  const swapFile = cgroups.version === 2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes';
  return {
    hasSwapControl: memory !== undefined && (await pathExists(`${memory}/${swapFile}`)),
    hasHugepageControl: cgroups.version === 1 ? hugetlb !== undefined : await isOffered(hugetlb, 'hugetlb'),
  };
}

async function isOffered(root: string | undefined, controller: string): Promise<boolean> {
  if (root === undefined) return false;
  const offered = await readFile(`${root}/cgroup.controllers`, 'utf8').catch(() => '');
  return offered.trim().split(' ').includes(controller);
}
