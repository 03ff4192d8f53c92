// A small Debian with the tools that specs call in their containers, as one image layer. Nothing of it is installed.
import { chmod, copyFile, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { prepareApt } from '../sandbox/containerd-package.ts';
import { runOk } from '../sandbox/run.ts';

const SUITE = 'bookworm';

// apt adds what they depend on, but not what it takes for granted on any Debian.
const PACKAGES = [
  'base-files',
  'base-passwd',
  'bash',
  'bind9-dnsutils',
  'bind9-host',
  'coreutils',
  'curl',
  'dash',
  'findutils',
  'grep',
  'gzip',
  'hostname',
  'iperf',
  'iproute2',
  'iputils-ping',
  'libc-bin',
  'mawk',
  'netcat-openbsd',
  'nginx-light',
  'perl',
  'procps',
  'sed',
  'stress',
  'tar',
  'util-linux',
];

// What nobody reads in a container.
const DROPPED = ['usr/share/doc', 'usr/share/man', 'usr/share/info', 'usr/share/locale', 'usr/share/lintian'];

/** Fetches the packages with all they depend on and returns the tree's directory below `scratch`. */
export async function fetchDebianTree(scratch: string, signal: AbortSignal): Promise<string> {
  const packages = await download(join(scratch, 'apt'), signal);
  const root = join(scratch, 'root');
  for (const directory of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(join(root, 'usr', directory), { recursive: true });
    await symlink(`usr/${directory}`, join(root, directory));
  }
  for (const file of packages) {
    const script = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"';
    await runOk('sh', ['-c', script, 'sh', file, root], { signal });
  }
  for (const path of DROPPED) await rm(join(root, path), { recursive: true, force: true });
  for (const file of ['passwd', 'group'])
    await copyFile(join(root, 'usr/share/base-passwd', `${file}.master`), join(root, 'etc', file));
  await symlink('nc.openbsd', join(root, 'bin', 'nc')); // the package's script would choose among alternatives
  await mkdir(join(root, 'tmp'), { recursive: true });
  await chmod(join(root, 'tmp'), 0o1777);
  return root;
}

/** One reproducible tar archive of a directory. */
export async function tarDirectory(directory: string, target: string, signal: AbortSignal): Promise<void> {
  const flags = ['--sort=name', '--mtime=@0', '--numeric-owner', '--format=gnu'];
  await runOk('tar', [...flags, '-cf', target, '-C', directory, '.'], { signal });
}

async function download(scratch: string, signal: AbortSignal): Promise<string[]> {
  await mkdir(scratch, { recursive: true });
  const apt = await prepareApt(scratch, SUITE, signal);
  await runOk('apt-get', [...apt, 'update'], { signal });
  // apt's own database here is empty, so this is everything down to libc.
  const install = ['install', '--yes', '--download-only', '--no-install-recommends', ...PACKAGES];
  await runOk('apt-get', [...apt, ...install], { signal });
  const archives = join(scratch, 'cache', 'archives');
  return (await readdir(archives)).filter(file => file.endsWith('.deb')).map(file => join(archives, file));
}
