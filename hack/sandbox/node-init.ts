// What the first process of a node does to its new namespaces: afterwards the node has its own /etc, /var, /opt,
// /run, /sys and /proc, and nothing it does to files there reaches the host.
import { basename, join } from 'node:path';
import { type CgroupHierarchy, isUnified } from './cgroups.ts';
import { quote, shellLine } from './shell.ts';

export interface NodeInitSpec {
  readonly hostname: string;
  readonly hierarchies: readonly CgroupHierarchy[];
  /** Links in /sys/fs/cgroup such as `cpu -> cpu,cpuacct`. */
  readonly cgroupLinks: ReadonlyMap<string, string>;
  /** Host paths that stay shared and writable: state, cache, checkout. */
  readonly sharedPaths: readonly string[];
  /** Path in the node -> directory on the host that backs it. On a real disk, because overlays must not stack. */
  readonly ownDirectories: ReadonlyMap<string, string>;
  /** Path in the node -> content. */
  readonly files: ReadonlyMap<string, string>;
}

// The host's content with the node's changes on top, in memory. The host needs no mount points of ours that way.
const LAYERED_PATHS = ['/etc', '/var', '/opt'];

const SCRATCH = '/run/.sandbox';

export function buildNodeInit(spec: NodeInitSpec): string {
  const hidden = spec.sharedPaths.filter(path =>
    LAYERED_PATHS.some(layered => path.startsWith(`${layered}/`)),
  );
  return [
    shellLine('hostname', spec.hostname),
    'mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /run',
    ...hidden.flatMap((path, index) => bind(path, join(SCRATCH, 'shared', String(index)))),
    ...LAYERED_PATHS.flatMap(layer),
    ...hidden.flatMap((path, index) => bind(join(SCRATCH, 'shared', String(index)), path)),
    ...[...spec.ownDirectories].flatMap(([inside, outside]) => [
      shellLine('mkdir', '-p', outside),
      ...bind(outside, inside),
    ]),
    ...kernelFileSystems(spec),
    ...[...spec.files].flatMap(([path, content]) => [
      shellLine('rm', '-f', path),
      `printf %s ${quote(content)} > ${quote(path)}`,
    ]),
    '# Volumes that containers share with the node travel along shared mounts only, as on a machine run by systemd.',
    'mount --make-rshared /',
    '',
  ].join('\n');
}

function bind(from: string, to: string): string[] {
  return [shellLine('mkdir', '-p', to), shellLine('mount', '--bind', from, to)];
}

function layer(path: string): string[] {
  const upper = join(SCRATCH, 'upper', path);
  const work = join(SCRATCH, 'work', path);
  return [
    shellLine('mkdir', '-p', upper, work),
    shellLine(
      'mount',
      '-t',
      'overlay',
      '-o',
      `lowerdir=${path},upperdir=${upper},workdir=${work}`,
      'overlay',
      path,
    ),
  ];
}

function kernelFileSystems({ hierarchies, cgroupLinks }: NodeInitSpec): string[] {
  return [
    'mount -t proc -o nosuid,nodev,noexec proc /proc',
    'mount -t sysfs -o nosuid,nodev,noexec sysfs /sys',
    ...(isUnified(hierarchies)
      ? ['mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup']
      : legacyCgroups(hierarchies, cgroupLinks)),
    'mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm',
    'if [ -d /dev/mqueue ]; then mount -t mqueue mqueue /dev/mqueue; fi',
  ];
}

function legacyCgroups(
  hierarchies: readonly CgroupHierarchy[],
  links: ReadonlyMap<string, string>,
): string[] {
  return [
    'mount -t tmpfs -o mode=0755,nosuid,nodev,noexec tmpfs /sys/fs/cgroup',
    ...hierarchies.flatMap(({ version, mountPoint, mountOptions }) => {
      const path = join('/sys/fs/cgroup', basename(mountPoint));
      const type = version === 2 ? ['-t', 'cgroup2'] : ['-t', 'cgroup', '-o', mountOptions];
      return [shellLine('mkdir', '-p', path), shellLine('mount', ...type, 'cgroup', path)];
    }),
    ...[...links].map(([link, target]) => shellLine('ln', '-s', target, join('/sys/fs/cgroup', link))),
  ];
}
