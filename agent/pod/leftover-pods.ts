import { readdir } from 'node:fs/promises';

const UID = /^[0-9a-f-]{32,36}$/; // a static pod's has no dashes

/** UIDs of the pods that have a directory on this node, whatever the runtime knows of them. */
export async function listPodDirectories(rootDir: string): Promise<readonly string[]> {
  try {
    return (await readdir(`${rootDir}/pods`)).filter(name => UID.test(name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []; // no pod yet
    throw error;
  }
}
