// Whether a volume that was set up still stands: somebody may unmount it, or remove its directory, while the pod runs.
// Running containers do not notice; the next one that starts would find an empty directory, and write to the disk below.
import { basename, dirname } from 'node:path';
import type { Volume } from '../api/objects.ts';
import { isWithin, type MountInfo } from '../host/mount-info.ts';
import { pathExists } from '../lib/if-there.ts';
import { LASTING_PLUGIN_DIRECTORY, PLUGIN_DIRECTORY, podsDirectory } from './pod-directories.ts';
import type { PreparedVolume } from './prepared-volume.ts';
import type { EmptyDirSource } from './volume-source.ts';

const MOUNTING_PLUGINS: ReadonlySet<string> = new Set([
  PLUGIN_DIRECTORY.secret,
  PLUGIN_DIRECTORY.projected,
  PLUGIN_DIRECTORY.downwardAPI,
  ...Object.values(LASTING_PLUGIN_DIRECTORY),
]);

/** By the list of mounts and not by a look at the volume: a server that is away would hold that look up for ever. */
export async function isIntact(
  volume: Volume,
  prepared: PreparedVolume,
  { rootDir, mounts }: { readonly rootDir: string; readonly mounts: readonly Pick<MountInfo, 'target'>[] },
): Promise<boolean> {
  if (prepared.kind !== 'mount') return true;
  const { hostPath } = prepared;
  if (!isWithin(hostPath, podsDirectory(rootDir))) return true; // not ours to set up
  if (mounts.some(({ target }) => target === hostPath)) return true;
  return !isMounting(volume, hostPath) && (await pathExists(hostPath));
}

function isMounting(volume: Volume, hostPath: string): boolean {
  const plugin = basename(dirname(hostPath));
  if (plugin !== PLUGIN_DIRECTORY.emptyDir) return MOUNTING_PLUGINS.has(plugin);
  // The API server admits no emptyDir of another shape.
  const { medium = '' } = (volume['emptyDir'] ?? {}) as EmptyDirSource;
  return medium !== '';
}
