import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { identifyProcess, isRunning, type ProcessIdentity } from './process.ts';

/** Keeps two commands from building the same sandbox at once. A lock whose process is gone is no lock. */
export async function withSandboxLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const own = `${path}.${process.pid}`;
  await writeFile(own, JSON.stringify(await identifyProcess(process.pid)));
  try {
    await take(own, path);
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
}

async function take(own: string, path: string): Promise<void> {
  try {
    await link(own, path); // fails when the name is taken, and never shows a half written lock
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    // Written by the function above.
    const holder = JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
    if (await isRunning(holder))
      throw new Error(`process ${holder.pid} is at work on this sandbox, wait for it to end`, {
        cause: error,
      });
    await rm(path, { force: true });
    await link(own, path);
  }
}
