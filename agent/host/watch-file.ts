import { watch } from 'node:fs';
import { mapHostError, systemErrorCode } from './errors.ts';

// Not there (any more), or the kernel has no watch left: whoever asks has to look by itself.
const EXPECTED: readonly (string | undefined)[] = ['ENOENT', 'EMFILE', 'ENOSPC'];

/** Calls back when the file is written to; undefined when it cannot be watched. The watch stays with the inode. */
export function watchFile(path: string, onEvent: () => void): Disposable | undefined {
  try {
    const watcher = watch(path, { persistent: false }, onEvent);
    watcher.on('error', onEvent);
    return { [Symbol.dispose]: () => watcher.close() };
  } catch (error) {
    if (EXPECTED.includes(systemErrorCode(error))) return undefined;
    throw mapHostError(error);
  }
}
