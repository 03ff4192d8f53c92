import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { NODELET_VERSION } from '../agent/config/version.ts';
import { writeDeb, writeTarball } from './packaging/archive.ts';
import { writeTree } from './packaging/tree.ts';
import { runCommand, timedLog } from './sandbox/command.ts';
import { CHECKOUT } from './sandbox/paths.ts';
import { runOk } from './sandbox/run.ts';
import { step } from './sandbox/step.ts';

const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

interface PackageOptions {
  readonly out: string;
  readonly quick?: true;
}

await new Command('hack/package')
  .description('builds the Debian package and the tarball; the same sources give the same bytes')
  .option('--out <directory>', 'where they are written', join(CHECKOUT, 'dist'))
  .option('--quick', 'for tests: the Debian package alone, hardly compressed')
  .action(async (options: PackageOptions) => await runCommand(async signal => await build(options, signal)))
  .parseAsync();

async function build({ out, quick }: PackageOptions, signal: AbortSignal): Promise<void> {
  const progress = { log: timedLog(), advice: 'look at the message above.' };
  const scratch = await mkdtemp(join(tmpdir(), 'nodelet-package-'));
  const path = join(out, `nodelet_${NODELET_VERSION}_${ARCHITECTURE}`);
  const epochSeconds = await readCommitTime(signal);
  try {
    const root = join(scratch, 'root');
    const compressionLevel = quick ? 1 : 6;
    const options = { root, epochSeconds, architecture: ARCHITECTURE, compressionLevel, signal };
    await step('the agent and what it comes with', progress, async () => await writeTree(root, { signal }));
    await step(`${path}.deb`, progress, async () => await writeDeb(`${path}.deb`, options));
    if (quick) return;
    await step(`${path}.tar.gz`, progress, async () => await writeTarball(`${path}.tar.gz`, options));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Files are as old as the commit, so that building again gives the same archive. */
async function readCommitTime(signal: AbortSignal): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) return Number(given);
  return Number(await runOk('git', ['-C', CHECKOUT, 'log', '-1', '--format=%ct'], { signal }));
}
