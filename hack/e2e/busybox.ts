// busybox from Debian's source package in upstream's own configuration. Debian's binaries differ where specs look:
// the shell must hand on environment variables whose names are no identifiers, and word its errors as upstream does.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { prepareApt } from '../sandbox/containerd-package.ts';
import { runOk } from '../sandbox/run.ts';

const SUITE = 'trixie'; // has 1.37, the version that the suite's image is of
const JOBS = 2;

/** Builds it below `scratch` and returns the path of the program. */
export async function buildBusybox(scratch: string, signal: AbortSignal): Promise<string> {
  await mkdir(scratch, { recursive: true });
  const apt = await prepareApt(scratch, SUITE, signal, 'deb-src');
  await runOk('apt-get', [...apt, 'update'], { signal });
  await runOk('apt-get', [...apt, 'source', '--download-only', 'busybox'], { signal, cwd: scratch });
  const archive = (await readdir(scratch)).find(file => /^busybox_.*\.orig\.tar\.\w+$/.test(file));
  if (archive === undefined) throw new Error(`apt-get source left no archive in ${scratch}`);
  await runOk('tar', ['-xf', archive, '--one-top-level=source', '--strip-components=1'], {
    signal,
    cwd: scratch,
  });
  const source = { signal, cwd: join(scratch, 'source') };
  await runOk('make', ['defconfig'], source);
  const config = join(source.cwd, '.config');
  await writeFile(config, adjustConfig(await readFile(config, 'utf8')));
  await runOk('make', [`-j${JOBS}`, 'busybox'], source);
  return join(source.cwd, 'busybox');
}

function adjustConfig(config: string): string {
  return config
    .replace('# CONFIG_STATIC is not set', 'CONFIG_STATIC=y')
    .replace('CONFIG_TC=y', '# CONFIG_TC is not set'); // needs kernel headers that are gone since Linux 6.8
}
