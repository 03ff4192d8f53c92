// A Debian file tree with systemd and what a node needs, for systemd-nspawn to boot. Made once, then only read.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists } from '../../agent/lib/if-there.ts';
import { findDebianMirror } from '../../hack/sandbox/containerd-package.ts';
import { CACHE_ROOT } from '../../hack/sandbox/paths.ts';
import { run, runOk } from '../../hack/sandbox/run.ts';
import { type Log, step } from '../../hack/sandbox/step.ts';

const PACKAGES = [
  'conntrack',
  'containerd',
  'containernetworking-plugins',
  'dbus',
  'ethtool',
  'iproute2',
  'iptables',
  'kmod',
  'libatomic1',
  'procps',
  'runc',
  'systemd',
  'systemd-sysv',
];

// What makes and boots it, on the host, by the package it comes in.
const TOOLS = new Map([
  ['mmdebstrap', 'mmdebstrap'],
  ['systemd-nspawn', 'systemd-container'],
]);

/** Directory of the tree: the same release of Debian as the machine's. */
export async function ensureDebianTree(options: {
  readonly signal: AbortSignal;
  readonly log: Log;
}): Promise<string> {
  await ensureTools(TOOLS, options);
  const suite = await readSuite();
  const hash = createHash('sha256')
    .update([suite, ...PACKAGES].join(' '))
    .digest('hex');
  const tree = join(CACHE_ROOT, `nspawn-${hash.slice(0, 16)}`);
  if (await pathExists(tree)) return tree;
  const advice = 'check the network and the package sources, then run it again.';
  const title = `Debian ${suite} with systemd: unpacking (first time only, about two minutes)`;
  await step(title, { log: options.log, advice }, async () => {
    await build(suite, tree, options.signal);
  });
  return tree;
}

async function build(suite: string, tree: string, signal: AbortSignal): Promise<void> {
  const scratch = `${tree}.${process.pid}`;
  try {
    await mkdir(scratch, { recursive: true });
    await unpackDebian(suite, join(scratch, 'root'), { packages: PACKAGES, signal });
    await rename(join(scratch, 'root'), tree);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A file tree with the packages and what they depend on, without what only people read. */
export async function unpackDebian(
  suite: string,
  directory: string,
  { packages, signal }: { readonly packages: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const flags = ['--quiet', '--variant=minbase', `--include=${packages.join(',')}`];
  const leaveOut = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'];
  const dpkg = leaveOut.map(path => `--dpkgopt=path-exclude=${path}`);
  const mirror = await findDebianMirror(signal);
  await runOk('mmdebstrap', [...flags, ...dpkg, suite, directory, mirror], { signal });
}

/** Installs the packages of those programs that the host lacks. */
export async function ensureTools(
  tools: ReadonlyMap<string, string>,
  { signal, log }: { signal: AbortSignal; log: Log },
): Promise<void> {
  const missing: string[] = [];
  for (const [program, name] of tools) {
    if ((await run('which', [program], { signal })).exitCode !== 0) missing.push(name);
  }
  if (missing.length === 0) return;
  const advice = 'check the package sources, then run it again.';
  await step(`Debian packages: ${missing.join(' ')}`, { log, advice }, async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await runOk('apt-get', ['update'], { signal, env });
    await runOk('apt-get', ['install', '--yes', '--no-install-recommends', ...missing], { signal, env });
  });
}

/** The machine's own release of Debian. */
export async function readSuite(): Promise<string> {
  const suite = /^VERSION_CODENAME=(.+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (suite === undefined) throw new Error('/etc/os-release names no Debian release');
  return suite;
}
