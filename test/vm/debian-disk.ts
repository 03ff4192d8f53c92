// The disk of a plain Debian with systemd, and its kernel. Made once, then only read.
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists } from '../../agent/lib/if-there.ts';
import { CACHE_ROOT } from '../../hack/sandbox/paths.ts';
import { runOk } from '../../hack/sandbox/run.ts';
import { type Log, step } from '../../hack/sandbox/step.ts';
import { readSuite, unpackDebian } from '../systemd/debian-tree.ts';

const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;
// What an installer leaves on a machine, and no more: what nodelet needs comes with its package.
const PACKAGES = [
  'ca-certificates',
  'dbus',
  'iproute2',
  'kmod',
  `linux-image-cloud-${ARCHITECTURE}`,
  'procps',
  'qemu-guest-agent',
  'systemd',
  'systemd-resolved',
  'systemd-sysv',
  'udev',
];
const DISK_BYTES = 12 * 2 ** 30; // as many as are written are taken

const FILES: Readonly<Record<string, string>> = {
  '/etc/fstab': '/dev/vda / ext4 rw,discard 0 1\n/dev/vdb /opt/files ext4 ro,nofail 0 0\n',
  '/etc/hostname': 'machine\n',
  '/etc/hosts': '127.0.0.1 localhost\n',
  '/etc/systemd/network/80-dhcp.network': '[Match]\nName=en*\n[Network]\nDHCP=ipv4\n',
};

/** Where a machine sees its second disk. */
export const FILES_DIRECTORY = '/opt/files';

export interface DebianDisk {
  readonly kernel: string;
  readonly initialRamdisk: string;
  /** An ext4 file system. */
  readonly root: string;
}

export async function ensureDebianDisk(options: {
  readonly signal: AbortSignal;
  readonly log: Log;
}): Promise<DebianDisk> {
  const suite = await readSuite();
  const hash = createHash('sha256')
    .update(JSON.stringify([suite, PACKAGES, FILES]))
    .digest('hex');
  const directory = join(CACHE_ROOT, `vm-${hash.slice(0, 16)}`);
  const disk = {
    kernel: join(directory, 'vmlinuz'),
    initialRamdisk: join(directory, 'initrd.img'),
    root: join(directory, 'root.img'),
  };
  if (await pathExists(directory)) return disk;
  const advice = 'check the network and the package sources, then run it again.';
  const title = `Debian ${suite} with a kernel: unpacking (first time only, about a minute)`;
  await step(title, { log: options.log, advice }, async () => {
    await build(suite, directory, options.signal);
  });
  return disk;
}

async function build(suite: string, directory: string, signal: AbortSignal): Promise<void> {
  const scratch = `${directory}.${process.pid}`;
  try {
    await mkdir(scratch, { recursive: true });
    const tree = join(scratch, 'tree');
    await unpackDebian(suite, tree, { packages: PACKAGES, signal });
    await configure(tree, signal);
    for (const name of await readdir(join(tree, 'boot'))) {
      const [kind] = name.split('-');
      if (kind === 'vmlinuz' || kind === 'initrd.img')
        await copyFile(join(tree, 'boot', name), join(scratch, kind));
    }
    await makeFileSystem(tree, join(scratch, 'root.img'), { sizeBytes: DISK_BYTES, signal });
    await rm(tree, { recursive: true });
    await rename(scratch, directory);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function configure(tree: string, signal: AbortSignal): Promise<void> {
  for (const [path, text] of Object.entries(FILES)) await writeFile(join(tree, path), text);
  await mkdir(join(tree, FILES_DIRECTORY));
  await rm(join(tree, 'etc/resolv.conf'), { force: true });
  await symlink('../run/systemd/resolve/stub-resolv.conf', join(tree, 'etc/resolv.conf'));
  await rm(join(tree, 'etc/machine-id'), { force: true });
  await writeFile(join(tree, 'etc/machine-id'), ''); // each machine finds its own
  const units = ['systemd-networkd', 'systemd-resolved'];
  await runOk('chroot', [tree, 'systemctl', 'enable', ...units], { signal });
}

/** An ext4 file system with what is in the directory. */
export async function makeFileSystem(
  directory: string,
  path: string,
  { sizeBytes, signal }: { readonly sizeBytes: number; readonly signal: AbortSignal },
): Promise<void> {
  await writeFile(path, '');
  await truncate(path, sizeBytes);
  await runOk('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', directory, path], { signal });
}
