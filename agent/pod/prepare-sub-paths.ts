import type { Container, Pod } from '../api/objects.ts';
import type { Logger } from '../lib/logger.ts';
import { subPathTarget } from '../volume/pod-directories.ts';
import { ensureSubPath, subPathProblem } from '../volume/sub-path.ts';
import type { PreparedVolume } from '../volume/volume-manager.ts';
import { buildSubPath } from './build-mounts.ts';
import { podUID } from './naming.ts';

export type SubPaths =
  /** By the mount's place in the container's `volumeMounts`. */
  | { readonly kind: 'ready'; readonly subPaths: ReadonlyMap<number, string> }
  | { readonly kind: 'refused'; readonly message: string };

export interface SubPathsInput {
  readonly rootDir: string;
  readonly pod: Pod;
  readonly container: Container;
  readonly variables: ReadonlyMap<string, string>;
  readonly volumes: ReadonlyMap<string, PreparedVolume>;
}

const FAILED = {
  create: 'failed to create subPath directory',
  prepare: 'failed to prepare subPath',
} as const;

/** Binds every subPath the container mounts, anew for each start: a start may see other variables and other files. */
export async function prepareSubPaths(input: SubPathsInput, logger: Logger): Promise<SubPaths> {
  const { rootDir, pod, container, variables, volumes } = input;
  const subPaths = new Map<number, string>();
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const volume = volumes.get(mount.name);
    const built = buildSubPath(mount, variables);
    if (built.kind === 'refused') return built;
    const { subPath } = built;
    if (subPath === '' || volume?.kind !== 'mount') continue; // a volume that is not there is the mounts' to refuse
    const message = subPathProblem(subPath);
    if (message !== undefined) return { kind: 'refused', message };
    const target = subPathTarget(rootDir, podUID(pod), volume.directoryName, container.name, index);
    const outcome = await ensureSubPath({ volumePath: volume.hostPath, subPath, target });
    if (outcome.kind === 'failed') {
      logger.warn(
        { container: container.name, volume: mount.name, subPath, err: outcome.cause },
        'subPath refused',
      );
      const where = `volumeMount "${mount.name}" of container "${container.name}"`;
      return { kind: 'refused', message: `${FAILED[outcome.step]} for ${where}` };
    }
    subPaths.set(index, target);
  }
  return { kind: 'ready', subPaths };
}
