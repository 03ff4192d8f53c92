// Every image that conformance specs name, under the name they ask for, made of Debian packages and Go modules.

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists } from '../../agent/lib/if-there.ts';
import { COREDNS_IMAGE } from '../sandbox/cluster-dns.ts';
import { goArchitecture } from '../sandbox/go.ts';
import { archiveImages, buildImages, type ImageSpec } from '../sandbox/image-archive.ts';
import type { ImageArchive } from '../sandbox/images.ts';
import { CACHE_ROOT } from '../sandbox/paths.ts';
import { runOk } from '../sandbox/run.ts';
import { type Log, step } from '../sandbox/step.ts';
import type { TarEntry } from '../sandbox/tar.ts';
import { buildBusybox } from './busybox.ts';
import { fetchDebianTree, tarDirectory } from './debian-tree.ts';
import type { SuitePrograms } from './programs.ts';
import { writeRegistryStore } from './registry-store.ts';

const E2E = 'registry.k8s.io/e2e-test-images';

export interface SuiteImages {
  readonly archive: ImageArchive;
  /** Storage directory for docker-registry. */
  readonly registryStore: string;
}

interface Ingredients {
  readonly programs: SuitePrograms;
  readonly debian: Buffer;
  /** Names of all commands in the Debian tree. */
  readonly debianCommands: ReadonlySet<string>;
  readonly busybox: Buffer;
  readonly applets: readonly string[];
}

const SOURCES = ['busybox.ts', 'debian-tree.ts', 'images.ts', 'registry-store.ts'];

export async function ensureSuiteImages(
  programs: SuitePrograms,
  options: { readonly signal: AbortSignal; readonly log: Log },
): Promise<SuiteImages> {
  const hash = createHash('sha256').update(programs.directory);
  for (const file of SOURCES) hash.update(await readFile(join(import.meta.dirname, file)));
  const id = `e2e-images-${hash.digest('hex').slice(0, 16)}`;
  const directory = join(CACHE_ROOT, id);
  const images = {
    archive: { id, path: join(directory, 'images.tar') },
    registryStore: join(directory, 'registry'),
  };
  if (await pathExists(directory)) return images;
  const title = 'e2e images: building (first time only, about 3 minutes)';
  const advice = 'check the network and the package sources, then run it again.';
  await step(title, { log: options.log, advice }, async () => {
    const scratch = `${directory}.${process.pid}`;
    try {
      await build(programs, scratch, options.signal);
      await rename(join(scratch, 'result'), directory);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
  return images;
}

async function build(programs: SuitePrograms, scratch: string, signal: AbortSignal): Promise<void> {
  await mkdir(join(scratch, 'result'), { recursive: true });
  const ingredients = await gather(programs, scratch, signal);
  const images = buildImages(await describe(ingredients), goArchitecture());
  await writeFile(join(scratch, 'result', 'images.tar'), archiveImages(images, goArchitecture()));
  await writeRegistryStore(join(scratch, 'result', 'registry'), images);
}

async function gather(programs: SuitePrograms, scratch: string, signal: AbortSignal): Promise<Ingredients> {
  const root = await fetchDebianTree(scratch, signal);
  await tarDirectory(root, join(scratch, 'debian.tar'), signal);
  const commands = ['usr/bin', 'usr/sbin'].map(async directory => await readdir(join(root, directory)));
  const busybox = await buildBusybox(join(scratch, 'busybox'), signal);
  return {
    programs,
    debian: await readFile(join(scratch, 'debian.tar')),
    debianCommands: new Set((await Promise.all(commands)).flat()),
    busybox: await readFile(busybox),
    applets: (await runOk(busybox, ['--list'], { signal })).trim().split('\n'),
  };
}

async function describe(ingredients: Ingredients): Promise<ImageSpec[]> {
  const { debian, programs } = ingredients;
  const program = async (path: string, name: Parameters<SuitePrograms['program']>[0], mode = 0o755) =>
    file(path, await readFile(programs.program(name)), mode);
  const agnhost = await agnhostFiles(ingredients);
  const onDebian = { baseLayers: [debian] };
  const bare = busyboxFiles(ingredients);
  const images: readonly ImageSpec[] = [
    {
      names: ['registry.k8s.io/pause:3.10.2'],
      files: [await program('pause', 'pause')],
      entrypoint: ['/pause'],
      user: '65535:65535',
    },
    { names: [COREDNS_IMAGE], files: [await program('coredns', 'coredns')], entrypoint: ['/coredns'] },
    { names: [`${E2E}/busybox:1.37.0-1`], files: bare, command: ['sh'] },
    ...['2.63.0', '2.55'].map(tag => ({
      ...onDebian,
      names: [`${E2E}/agnhost:${tag}`],
      files: agnhost,
      entrypoint: ['/agnhost'],
      command: ['pause'],
    })),
    ...(await Promise.all(
      (['kitten', 'nautilus'] as const).map(async name => ({
        ...onDebian,
        names: [`${E2E}/${name}:1.8`],
        files: [...agnhost, ...(await petFiles(programs, name))],
        entrypoint: ['/agnhost'],
        command: ['test-webserver'],
      })),
    )),
    ...['1.15-4', '1.27-0'].map(tag => ({
      ...onDebian,
      names: [`${E2E}/nginx:${tag}`],
      files: NGINX_FILES,
      command: ['nginx', '-g', 'daemon off;'],
    })),
    { ...onDebian, names: [`${E2E}/nonroot:1.5`], files: [], user: '1234', command: ['sh'] },
    { ...onDebian, names: [`${E2E}/glibc-dns-testing:2.0.0`], files: [], command: ['bash'] },
    { ...onDebian, names: [`${E2E}/perl:5.26`], files: [], command: ['perl', '-de0'] },
    {
      names: [`${E2E}/nonewprivs:1.4`],
      files: [...bare, await program('usr/local/bin/nnp', 'nnp', 0o6755)],
      command: ['nnp'],
    },
    {
      names: [`${E2E}/sample-apiserver:1.29.2`],
      files: [...bare, await program('sample-apiserver', 'sample-apiserver')],
      entrypoint: ['/sample-apiserver'],
    },
    {
      names: ['registry.k8s.io/etcd:3.6.8-0'],
      files: [...bare, await program('usr/local/bin/etcd', 'etcd')],
    },
    {
      ...onDebian,
      names: [`${E2E}/resource-consumer:1.14`],
      files: [await program('consumer', 'consumer'), await program('consume-cpu', 'consume-cpu')],
      entrypoint: ['/consumer'],
    },
  ];
  // No two are the same: a runtime that finds one image under two names may report either.
  return images.map(image => ({
    ...image,
    files: [...image.files, file('.image', image.names.join('\n'), 0o644)],
  }));
}

function file(path: string, content: Buffer | string, mode: number): TarEntry {
  return { kind: 'file', path, content, mode };
}

/** A file system of busybox alone. */
function busyboxFiles({ busybox, applets }: Pick<Ingredients, 'busybox' | 'applets'>): TarEntry[] {
  const directories = ['bin', 'dev', 'etc', 'home', 'proc', 'root', 'run', 'sys', 'usr', 'var'];
  const deeper = ['usr/bin', 'usr/local', 'usr/local/bin', 'usr/sbin'];
  return [
    ...[...directories, ...deeper].map((path): TarEntry => ({ kind: 'directory', path })),
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
    file(
      'etc/passwd',
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
      0o644,
    ),
    file('etc/group', 'root:x:0:\nnobody:x:65534:\n', 0o644),
    file('bin/busybox', busybox, 0o755),
    ...appletLinks(applets, 'bin'),
  ];
}

function appletLinks(applets: readonly string[], directory: string): TarEntry[] {
  return applets
    .filter(applet => applet !== 'busybox')
    .map(applet => ({ kind: 'link', path: `${directory}/${applet}`, target: '/bin/busybox' }));
}

/** agnhost has its users, and commands that Debian leaves to others, as well as the program. */
async function agnhostFiles({
  programs,
  busybox,
  applets,
  debianCommands,
}: Ingredients): Promise<TarEntry[]> {
  const missing = applets.filter(applet => !debianCommands.has(applet));
  return [
    file('agnhost', await readFile(programs.program('agnhost')), 0o755),
    { kind: 'link', path: 'agnhost-2', target: 'agnhost' },
    { kind: 'directory', path: 'uploads' },
    file('localhost.crt', await readFile(programs.data('localhost', 'localhost.crt')), 0o644),
    file('localhost.key', await readFile(programs.data('localhost', 'localhost.key')), 0o644),
    file('etc/passwd', AGNHOST_USERS, 0o644),
    file('etc/group', AGNHOST_GROUPS, 0o644),
    file('usr/bin/busybox', busybox, 0o755),
    ...appletLinks(missing, 'usr/bin'),
    ...(await fakeRegistryFiles(programs)),
  ];
}

const AGNHOST_USERS = `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/sbin/nologin
user-defined-in-image:x:1000:1000:user:/home/user-defined-in-image:/bin/sh
`;
const AGNHOST_GROUPS = `root:x:0:
nogroup:x:65534:
user-defined-in-image:x:1000:
group-defined-in-image:x:50000:user-defined-in-image
`;

/** What `agnhost fake-registry-server` serves: the image `pause:testing`, in its own layout. */
async function fakeRegistryFiles(programs: SuitePrograms): Promise<TarEntry[]> {
  const pause = file('pause', await readFile(programs.program('pause')), 0o755);
  const [image] = buildImages(
    [{ names: ['pause:testing'], files: [pause], entrypoint: ['/pause'], user: '65535:65535' }],
    goArchitecture(),
  );
  if (image === undefined) return [];
  const root = 'var/registry/pause';
  const stored = (kind: 'manifests' | 'blobs', digest: string, content: Buffer): TarEntry[] => {
    const hex = digest.replace('sha256:', '');
    return [file(`${root}/${kind}/sha256/${hex.slice(0, 2)}/${hex}/data`, content, 0o644)];
  };
  return [
    file(`${root}/manifests/testing`, `${image.manifest.digest}\n`, 0o644),
    ...stored('manifests', image.manifest.digest, image.manifest.content),
    ...[image.config, ...image.layers].flatMap(({ digest, content }) => stored('blobs', digest, content)),
  ];
}

/** The picture's web page; and what a spec looks for in the image's release file. */
async function petFiles(programs: SuitePrograms, name: 'kitten' | 'nautilus'): Promise<TarEntry[]> {
  return [
    file(`${name}.jpg`, await readFile(programs.data(name, `${name}.jpg`)), 0o644),
    file('data.json', await readFile(programs.data(name, 'data.json')), 0o644),
    file('etc/os-release', 'NAME="Debian in the place of Alpine Linux"\nID=debian\n', 0o644),
  ];
}

const NGINX_FILES: readonly TarEntry[] = [
  file(
    'etc/nginx/nginx.conf',
    `user root;
worker_processes 1;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events {}
http {
  include mime.types;
  access_log /dev/stdout;
  server {
    listen 80;
    listen [::]:80;
    root /usr/share/nginx/html;
  }
}
`,
    0o644,
  ),
  file(
    'usr/share/nginx/html/index.html',
    '<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head><body><h1>Welcome to nginx!</h1></body></html>\n',
    0o644,
  ),
];
