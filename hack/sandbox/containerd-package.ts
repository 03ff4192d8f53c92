// Other versions of containerd, from Debian's newer suites, unpacked beside the machine's own and never installed.
import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE_ROOT } from './paths.ts';
import { runOk } from './run.ts';
import { type Log, step } from './step.ts';

/** bookworm has containerd 1.6, trixie 1.7, sid 2.x. */
export type DebianSuite = 'bookworm' | 'trixie' | 'forky' | 'sid';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Directory with the suite's `containerd`, `ctr` and shims, for `createSandbox`; fetched once. */
export async function ensureContainerdPackage(
  suite: DebianSuite,
  options: { readonly signal: AbortSignal; readonly log: Log },
): Promise<string> {
  const cached = join(CACHE_ROOT, `containerd-${suite}`);
  const directory = await readlink(cached).catch(() => undefined); // not fetched yet
  if (directory !== undefined) return binDirectory(directory);
  const advice = 'check the network and the package sources.';
  return await step(
    `containerd from ${suite}: fetching (first time only)`,
    { log: options.log, advice },
    async () => {
      const fetched = await fetchPackage(suite, options.signal);
      await symlink(fetched, cached);
      return binDirectory(fetched);
    },
  );
}

function binDirectory(directory: string): string {
  return join(directory, 'usr', 'bin');
}

/** Unpacks the package to a directory that is named after its version. */
async function fetchPackage(suite: DebianSuite, signal: AbortSignal): Promise<string> {
  const scratch = join(CACHE_ROOT, `containerd-${suite}.${process.pid}`);
  try {
    const apt = await prepareApt(scratch, suite, signal);
    await runOk('apt-get', [...apt, 'update'], { signal });
    await runOk('apt-get', [...apt, 'download', 'containerd'], { signal, cwd: scratch });
    const archive = (await readdir(scratch)).find(file => file.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download left no package in ${scratch}`);
    const version = await runOk('dpkg-deb', ['--field', join(scratch, archive), 'Version'], { signal });
    const directory = join(CACHE_ROOT, `containerd-${version.trim().replaceAll(/[^\w.+-]/g, '_')}`);
    await runOk('dpkg-deb', ['--extract', join(scratch, archive), join(scratch, 'root')], { signal });
    await rm(directory, { recursive: true, force: true });
    await rename(join(scratch, 'root'), directory);
    return directory;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** apt with lists, cache and sources of its own; the mirror is the one this machine uses already. */
export async function prepareApt(
  scratch: string,
  suite: DebianSuite,
  signal: AbortSignal,
  kind: 'deb' | 'deb-src' = 'deb',
): Promise<string[]> {
  await mkdir(join(scratch, 'lists', 'partial'), { recursive: true });
  await mkdir(join(scratch, 'cache', 'archives', 'partial'), { recursive: true });
  await writeFile(join(scratch, 'status'), '');
  await writeFile(
    join(scratch, 'sources.list'),
    `${kind} [signed-by=${KEYRING}] ${await findDebianMirror(signal)} ${suite} main\n`,
  );
  return [
    ['Dir::Etc::SourceList', join(scratch, 'sources.list')],
    ['Dir::Etc::SourceParts', '/dev/null'],
    ['Dir::State::Lists', join(scratch, 'lists')],
    ['Dir::State::Status', join(scratch, 'status')],
    ['Dir::Cache', join(scratch, 'cache')],
    ['APT::Sandbox::User', 'root'], // the scratch directory is root's
    ['Acquire::Languages', 'none'],
    ['Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled', 'false'],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** The mirror that the machine's own package sources name. */
export async function findDebianMirror(signal: AbortSignal): Promise<string> {
  const format = '$(ORIGIN) $(RELEASE) $(REPO_URI)';
  const targets = await runOk('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    signal,
  });
  const mirror = targets
    .split('\n')
    .map(line => line.split(' '))
    .find(
      ([origin, release]) => origin === 'Debian' && !/-(security|updates|backports)$/.test(release ?? ''),
    )?.[2];
  if (mirror === undefined) throw new Error('no Debian mirror among the package sources');
  return mirror;
}
