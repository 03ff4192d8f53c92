// Which cgroup hierarchies this machine has and where they are mounted; cgroups(7).
import type { MountInfo } from './mount-info.ts';

export interface CgroupMount {
  /** Where the hierarchy is mounted. */
  readonly directory: string;
  /** The cgroup that is mounted there: `/`, or deeper when only a part of the hierarchy is visible. */
  readonly root: string;
}

export interface CgroupLayout {
  /** hybrid: version 1 controllers, and a version 2 hierarchy beside them that carries none we use. */
  readonly mode: 'v1' | 'hybrid' | 'v2';
  /** Version 1 hierarchies by controller, `name=systemd` among them; co-mounted controllers share a mount. */
  readonly controllers: ReadonlyMap<string, CgroupMount>;
  readonly unified: CgroupMount | undefined;
}

// A version 1 mount's super options are its controllers and these.
const NOT_CONTROLLERS = new Set([
  'rw',
  'ro',
  'noprefix',
  'clone_children',
  'xattr',
  'nsdelegate',
  'all',
  'none',
]);

/** undefined when no cgroup file system is mounted. */
export function buildCgroupLayout(mounts: readonly MountInfo[]): CgroupLayout | undefined {
  const controllers = new Map<string, CgroupMount>();
  let unified: CgroupMount | undefined;
  for (const mount of visibleMounts(mounts)) {
    const found = { directory: mount.target, root: mount.root };
    if (mount.fsType === 'cgroup2') unified = preferred(unified, found);
    if (mount.fsType !== 'cgroup') continue;
    for (const option of mount.superOptions) {
      if (NOT_CONTROLLERS.has(option) || option.startsWith('release_agent=')) continue;
      controllers.set(option, preferred(controllers.get(option), found));
    }
  }
  const hasControllers = [...controllers.keys()].some(name => !name.startsWith('name='));
  if (hasControllers) return { mode: unified ? 'hybrid' : 'v1', controllers, unified };
  return unified ? { mode: 'v2', controllers: new Map(), unified } : undefined;
}

// A mount is hidden by a later one on its own directory or on one above, as by a sandbox's own /sys.
function visibleMounts(mounts: readonly MountInfo[]): Iterable<MountInfo> {
  const visible = new Map<string, MountInfo>();
  for (const mount of mounts) {
    for (const target of visible.keys()) if (isAtOrBelow(target, mount.target)) visible.delete(target);
    visible.set(mount.target, mount);
  }
  return visible.values();
}

function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

// A hierarchy may be mounted twice (a chroot, a sandbox): the usual place counts.
function preferred(known: CgroupMount | undefined, found: CgroupMount): CgroupMount {
  if (!known) return found;
  return found.directory.startsWith('/sys/fs/cgroup') && !known.directory.startsWith('/sys/fs/cgroup')
    ? found
    : known;
}

/** The directory of a cgroup named from the mount's root, as the OCI runtimes name them (cgroupsPath). */
export function cgroupDirectory(mount: CgroupMount, path: string): string {
  return path === '/' ? mount.directory : `${mount.directory}${path}`;
}
