// Debian's Prometheus, unpacked and never installed: the scraper that the metrics are made for.
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists } from '../../agent/lib/if-there.ts';
import { CACHE_ROOT } from '../sandbox/paths.ts';
import { runOk } from '../sandbox/run.ts';
import { type Log, step } from '../sandbox/step.ts';

const DIRECTORY = join(CACHE_ROOT, 'prometheus');

export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

/** As this machine's own package sources have it. */
export async function ensurePrometheus(options: {
  readonly signal: AbortSignal;
  readonly log: Log;
}): Promise<PrometheusPrograms> {
  const programs = join(DIRECTORY, 'usr', 'bin');
  if (!(await pathExists(programs))) {
    const advice = 'check the network and the package sources.';
    await step('prometheus: fetching (first time only, 20 MB)', { log: options.log, advice }, async () => {
      await fetchPackage(options.signal);
    });
  }
  return { prometheus: join(programs, 'prometheus'), promtool: join(programs, 'promtool') };
}

async function fetchPackage(signal: AbortSignal): Promise<void> {
  const scratch = `${DIRECTORY}.${process.pid}`;
  try {
    await mkdir(scratch, { recursive: true });
    // The directory is root's.
    const apt = ['-o', 'APT::Sandbox::User=root', 'download', 'prometheus'];
    await runOk('apt-get', apt, { signal, cwd: scratch });
    const archive = (await readdir(scratch)).find(file => file.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download left no package in ${scratch}`);
    await runOk('dpkg-deb', ['--extract', join(scratch, archive), join(scratch, 'root')], { signal });
    await rename(join(scratch, 'root'), DIRECTORY);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
