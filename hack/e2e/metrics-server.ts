// The metrics-server project's own program, built from its Go module with the control plane's versions.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists } from '../../agent/lib/if-there.ts';
import { kubernetesBuildFlags, kubernetesVersion } from '../sandbox/control-plane-build.ts';
import { ensureGo } from '../sandbox/go.ts';
import { CACHE_ROOT, CHECKOUT } from '../sandbox/paths.ts';
import { runOk } from '../sandbox/run.ts';
import { type Log, step } from '../sandbox/step.ts';

const MODULE = join(CHECKOUT, 'hack', 'metrics-server');
const PACKAGE = 'sigs.k8s.io/metrics-server/cmd/metrics-server';

interface Options {
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** The objects that run it, for `kubectl apply`; builds the program first where that has not been done. */
export async function metricsServerManifest(options: Options): Promise<string> {
  const directory = await ensureMetricsServer(options);
  const manifest = await readFile(join(MODULE, 'manifest.yaml'), 'utf8');
  return manifest.replace('path: PROGRAM_DIRECTORY', `path: ${directory}`);
}

async function ensureMetricsServer(options: Options): Promise<string> {
  const sources = await Promise.all(['go.mod', 'go.sum'].map(file => readFile(join(MODULE, file), 'utf8')));
  const hash = createHash('sha256').update(sources.join('\0')).digest('hex').slice(0, 16);
  const directory = join(CACHE_ROOT, `metrics-server-${hash}`);
  if (await pathExists(directory)) return directory;
  const advice = 'run it again; what has been compiled is kept.';
  const title = 'metrics-server: building (first time only, about 4 minutes)';
  await step(title, { log: options.log, advice }, async () => await build(directory, options));
  return directory;
}

async function build(directory: string, options: Options): Promise<void> {
  const scratch = `${directory}.${process.pid}`;
  const version = kubernetesVersion(
    await readFile(join(CHECKOUT, 'hack', 'control-plane', 'go.mod'), 'utf8'),
  );
  try {
    await mkdir(scratch, { recursive: true });
    const output = join(scratch, 'metrics-server');
    const args = ['build', ...kubernetesBuildFlags(version), '-o', output, PACKAGE];
    await runOk('go', args, { signal: options.signal, env: await ensureGo(options), cwd: MODULE });
    await rename(scratch, directory);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
