import { chmod, cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists } from '../../agent/lib/if-there.ts';
import { CACHE_ROOT } from './paths.ts';
import { run, runOk } from './run.ts';
import type { Log } from './step.ts';

const GO_VERSION = '1.26.8'; // what an older or missing Go is replaced by; go.mod says what is needed at least
const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Go's and the image format's name of this machine's architecture. */
export function goArchitecture(): string {
  const architecture = GO_ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`no support for architecture ${process.arch}`);
  return architecture;
}

/** The environment in which `go` is new enough, installing what that takes. */
export async function ensureGo(options: { signal: AbortSignal; log: Log }): Promise<NodeJS.ProcessEnv> {
  const environment = { ...process.env, PATH: `${process.env['PATH']}:/usr/local/go/bin`, CGO_ENABLED: '0' };
  const cached = join(CACHE_ROOT, `go-${GO_VERSION}`);
  const pinned = { ...environment, PATH: `${join(cached, 'bin')}:${environment.PATH}`, GOTOOLCHAIN: 'local' };
  const found = await findGoVersion(environment, options.signal);
  if (found !== undefined && isAtLeast(found, await requiredVersion())) return environment;
  if (await pathExists(cached)) return pinned;

  if (found === undefined) {
    options.log("go: installing Debian's golang-go, which fetches the version needed");
    await runOk('apt-get', ['install', '--yes', '--no-install-recommends', 'golang-go'], {
      signal: options.signal,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  const version = found ?? (await findGoVersion(environment, options.signal)) ?? '0';
  if (isAtLeast(version, '1.26')) return environment;
  options.log(`go: fetching ${GO_VERSION} by means of ${version} (about 70 MB)`);
  await fetchToolchain(cached, environment, options.signal);
  return pinned;
}

/** Go publishes its toolchains as modules, which a Go of any age can download and verify. */
async function fetchToolchain(
  target: string,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  const scratch = `${target}.${process.pid}`;
  const module = `golang.org/toolchain@v0.0.1-go${GO_VERSION}.linux-${goArchitecture()}`;
  try {
    await mkdir(scratch, { recursive: true });
    const env = {
      ...environment,
      GOMODCACHE: join(scratch, 'mod'),
      GOFLAGS: '-modcacherw',
      GO111MODULE: 'on',
    };
    await runOk('go', ['mod', 'download', module], { signal, env, cwd: scratch });
    const unpacked = join(scratch, 'go');
    await cp(join(scratch, 'mod', module), unpacked, { recursive: true });
    // Module archives carry no permission bits.
    for (const directory of ['bin', 'pkg/tool/linux_' + goArchitecture()]) {
      for (const file of await readdir(join(unpacked, directory)))
        await chmod(join(unpacked, directory, file), 0o755);
    }
    await rename(unpacked, target);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function findGoVersion(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string | undefined> {
  const result = await run('sh', ['-c', 'command -v go >/dev/null && cd / && go env GOVERSION'], {
    signal,
    env: { ...env, GOTOOLCHAIN: 'local' },
  });
  return result.exitCode === 0 ? result.stdout.trim().replace(/^go/, '') : undefined;
}

async function requiredVersion(): Promise<string> {
  const goMod = await readFile(join(import.meta.dirname, '..', 'control-plane', 'go.mod'), 'utf8');
  return /^go ([\d.]+)$/m.exec(goMod)?.[1] ?? GO_VERSION;
}

function isAtLeast(version: string, minimum: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number.parseFloat);
  const [minimumMajor = 0, minimumMinor = 0] = minimum.split('.').map(Number.parseFloat);
  return major > minimumMajor || (major === minimumMajor && minor >= minimumMinor);
}
