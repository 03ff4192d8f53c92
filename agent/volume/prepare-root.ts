import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeRShared } from '../host/mounts.ts';
import type { Logger } from '../lib/logger.ts';
import { DIRECTORY_MODE } from './pod-directories.ts';

/** The kubelet's root directory, with its mounts shared: what one container mounts in a volume can reach others. */
export async function prepareRoot(rootDir: string, logger: Logger): Promise<void> {
  await mkdir(join(rootDir, 'pods'), { recursive: true, mode: DIRECTORY_MODE });
  try {
    await makeRShared(rootDir);
  } catch (error) {
    // Everything but that works without.
    logger.warn(
      { path: rootDir, err: error },
      'mounts below it are not shared: mountPropagation will not work',
    );
  }
}
