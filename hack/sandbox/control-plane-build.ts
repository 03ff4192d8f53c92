import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists } from '../../agent/lib/if-there.ts';
import { ensureGo } from './go.ts';
import { CACHE_ROOT, CHECKOUT } from './paths.ts';
import { runOk } from './run.ts';
import { type Log, step } from './step.ts';

export const CONTROL_PLANE_MODULE = join(CHECKOUT, 'hack', 'control-plane');

const SOURCE_FILES = ['go.mod', 'go.sum', 'main.go'];
const PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'kubeadm',
  'kubelet',
  'kube-proxy',
];

/** Directory with the Kubernetes programs, built if this source has not been built on this machine before. */
export async function ensureControlPlaneBuilt(options: { signal: AbortSignal; log: Log }): Promise<string> {
  const sources = await Promise.all(
    SOURCE_FILES.map(file => readFile(join(CONTROL_PLANE_MODULE, file), 'utf8')),
  );
  const hash = createHash('sha256').update(sources.join('\0')).digest('hex').slice(0, 16);
  const directory = join(CACHE_ROOT, `control-plane-${hash}`);
  if (await pathExists(directory)) return directory;
  await step(
    'control plane: building (first time only, about 6 minutes)',
    {
      log: options.log,
      advice: 'run it again; what has been compiled is kept. It needs 3 GB of memory and 6 GB of disk.',
    },
    async () => await build(directory, kubernetesVersion(sources[0] ?? ''), options),
  );
  return directory;
}

async function build(
  directory: string,
  version: string,
  options: { signal: AbortSignal; log: Log },
): Promise<void> {
  const scratch = `${directory}.${process.pid}`;
  const env = await ensureGo(options);
  try {
    await mkdir(scratch, { recursive: true });
    const output = join(scratch, 'control-plane');
    const flags = kubernetesBuildFlags(version);
    await runOk('go', ['build', ...flags, '-o', output, '.'], {
      signal: options.signal,
      env,
      cwd: CONTROL_PLANE_MODULE,
    });
    for (const program of PROGRAMS) await symlink('control-plane', join(scratch, program));
    await rename(scratch, directory);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The version of Kubernetes that a go.mod asks for. */
export function kubernetesVersion(goMod: string): string {
  const version = /^\s*k8s\.io\/kubernetes (v\S+)$/m.exec(goMod)?.[1];
  if (version === undefined) throw new Error('go.mod names no version of k8s.io/kubernetes');
  return version;
}

/** Flags for `go build`; the same for all that is built, so that compiled packages are shared. */
export function kubernetesBuildFlags(version: string): string[] {
  return ['-trimpath', '-buildvcs=false', '-tags', 'providerless', '-ldflags', linkerFlags(version)];
}

/** The version must be linked in, or the programs call themselves v0.0.0 and refuse each other. */
function linkerFlags(version: string): string {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const values = {
    gitVersion: version,
    gitMajor: major,
    gitMinor: minor,
    gitCommit: 'unknown',
    gitTreeState: 'clean',
  };
  const settings = Object.entries(values).map(
    ([name, value]) => `k8s.io/component-base/version.${name}=${value}`,
  );
  return [
    '-s -w',
    ...[...settings, `k8s.io/client-go/pkg/version.gitVersion=${version}`].map(s => `-X ${s}`),
  ].join(' ');
}
