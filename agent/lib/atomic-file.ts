import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

/** Replaces a file so that a reader, or a power cut, sees the old content or the new, never a part. */
export async function writeFileAtomic(path: string, content: string | Buffer, mode: number): Promise<void> {
  const temporaryPath = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeWhole(temporaryPath, content, mode);
    await rename(temporaryPath, path);
  } catch (error) {
    await rm(temporaryPath, { force: true }).catch(() => undefined); // what went wrong first is the news
    // The same trouble must read the same each time, or it would be told each time.
    if (error instanceof Error) error.message = error.message.replaceAll(temporaryPath, path);
    throw error;
  }
}

async function writeWhole(path: string, content: string | Buffer, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode);
  await file.chmod(mode); // the umask must not decide
  await file.writeFile(content);
  await file.sync();
}
