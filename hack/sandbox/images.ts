// The images that pods in a sandbox run. Nodes cannot pull: they have no way out of the sandbox.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists } from '../../agent/lib/if-there.ts';
import { CONTROL_PLANE_MODULE } from './control-plane-build.ts';
import { ensureGo, goArchitecture } from './go.ts';
import { buildImageArchive, type ImageSpec } from './image-archive.ts';
import { CACHE_ROOT, CHECKOUT } from './paths.ts';
import { runOk } from './run.ts';
import { type Log, step } from './step.ts';
import type { TarEntry } from './tar.ts';

export const IMAGES = {
  pause: 'registry.k8s.io/pause:3.10.1',
  busybox: 'docker.io/library/busybox:1.36',
  busyboxLatest: 'docker.io/library/busybox:latest',
  agnhost: 'registry.k8s.io/e2e-test-images/agnhost:2.63.0',
  web: 'docker.io/library/nodelet-web:1',
} as const;

/** An archive for `ctr images import` and a name that changes when its content does. */
export interface ImageArchive {
  readonly path: string;
  readonly id: string;
}

interface Programs {
  readonly pause: Buffer;
  readonly web: Buffer;
  readonly agnhost: Buffer;
  readonly busybox: Buffer;
  readonly applets: readonly string[];
}

const IMAGE_SOURCES = join(CHECKOUT, 'hack', 'images');
const BUSYBOX = '/bin/busybox'; // Debian's busybox-static

export async function ensureImages(options: { signal: AbortSignal; log: Log }): Promise<ImageArchive> {
  const id = `images-${await hashSources()}`;
  const title = 'test images: building (first time only, about a minute)';
  return await ensureArchive(
    { id, title, describe: async scratch => describeImages(await buildPrograms(scratch, options)) },
    options,
  );
}

/** Makes the archive where this machine has none of that name yet. */
export async function ensureArchive(
  wanted: {
    readonly id: string;
    readonly title: string;
    /** May leave files in the directory it is given. */
    readonly describe: (scratch: string) => Promise<readonly ImageSpec[]>;
  },
  { log }: { log: Log },
): Promise<ImageArchive> {
  const { id, title, describe } = wanted;
  const directory = join(CACHE_ROOT, id);
  const path = join(directory, 'images.tar');
  if (await pathExists(path)) return { path, id };
  const advice = 'run it again; what has been compiled is kept.';
  await step(title, { log, advice }, async () => {
    const scratch = `${directory}.${process.pid}`;
    try {
      await mkdir(scratch, { recursive: true });
      const images = await describe(scratch);
      await writeFile(join(scratch, 'images.tar'), buildImageArchive(images, goArchitecture()));
      await rename(scratch, directory);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
  return { path, id };
}

/** Everything an image is made of, this file included. */
async function hashSources(): Promise<string> {
  const hash = createHash('sha256');
  const files = [
    import.meta.filename,
    BUSYBOX,
    join(CONTROL_PLANE_MODULE, 'go.mod'),
    ...(await readdir(IMAGE_SOURCES, { recursive: true, withFileTypes: true }))
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .toSorted(),
  ];
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

async function buildPrograms(scratch: string, options: { signal: AbortSignal; log: Log }): Promise<Programs> {
  const build = async (name: string, cwd: string, target: string): Promise<Buffer> =>
    await buildProgram(join(scratch, name), { cwd, target }, options);
  return {
    pause: await build('pause', join(IMAGE_SOURCES, 'pause'), '.'),
    web: await build('web', join(IMAGE_SOURCES, 'web'), '.'),
    agnhost: await build('agnhost', CONTROL_PLANE_MODULE, 'k8s.io/kubernetes/test/images/agnhost'),
    busybox: await readFile(BUSYBOX),
    applets: (await runOk(BUSYBOX, ['--list'], { signal: options.signal })).trim().split('\n'),
  };
}

/** Compiles a Go package and takes what came out of it. */
export async function buildProgram(
  output: string,
  source: { readonly cwd: string; readonly target: string },
  options: { signal: AbortSignal; log: Log },
): Promise<Buffer> {
  const flags = ['-trimpath', '-buildvcs=false', '-tags', 'providerless', '-ldflags', '-s -w'];
  const go = { signal: options.signal, env: await ensureGo(options), cwd: source.cwd };
  await runOk('go', ['build', ...flags, '-o', output, source.target], go);
  const content = await readFile(output);
  await rm(output);
  return content;
}

function describeImages(programs: Programs): ImageSpec[] {
  const system = systemFiles(programs);
  return [
    {
      names: [IMAGES.pause],
      files: [program('pause', programs.pause)],
      entrypoint: ['/pause'],
      user: '65535:65535',
    },
    { names: [IMAGES.busybox, IMAGES.busyboxLatest], files: system, command: ['sh'] },
    { names: [IMAGES.web], files: [program('web', programs.web)], entrypoint: ['/web'] },
    {
      names: [IMAGES.agnhost],
      files: [...system, program('agnhost', programs.agnhost)],
      entrypoint: ['/agnhost'],
      command: ['pause'],
    },
  ];
}

function program(path: string, content: Buffer): TarEntry {
  return { kind: 'file', path, mode: 0o755, content };
}

function systemFiles({ busybox, applets }: Programs): TarEntry[] {
  const directories = [
    'bin',
    'dev',
    'etc',
    'home',
    'proc',
    'root',
    'run',
    'sys',
    'usr',
    'usr/bin',
    'usr/sbin',
    'var',
  ];
  return [
    ...directories.map((path): TarEntry => ({ kind: 'directory', path })),
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
    {
      kind: 'file',
      path: 'etc/passwd',
      content: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
    },
    { kind: 'file', path: 'etc/group', content: 'root:x:0:\nnogroup:x:65534:\n' },
    program('bin/busybox', busybox),
    ...applets
      .filter(applet => applet !== 'busybox')
      .map((applet): TarEntry => ({ kind: 'link', path: `bin/${applet}`, target: 'busybox' })),
  ];
}
