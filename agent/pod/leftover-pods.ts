import { readdir } from 'node:fs/promises';
import { ifThere } from '../lib/if-there.ts';

const UID = /^[0-9a-f-]{32,36}$/; // a static pod's has no dashes

/** UIDs of the pods that have a directory on this node, whatever the runtime knows of them. */
export async function listPodDirectories(rootDir: string): Promise<readonly string[]> {
  const names = await ifThere(readdir(`${rootDir}/pods`)); // none before the first pod
  return names?.filter(name => UID.test(name)) ?? [];
}
