// The file tree of the package, as it will lie below /.
import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildProgram } from '../../agent/cli/cli.ts';
import { CHECKOUT } from '../sandbox/paths.ts';
import { writeBundle } from './bundle.ts';
import { formatCompletion } from './completion.ts';
import { formatCopyright } from './copyright.ts';
import { formatKubeletUnit, KUBELET_LAUNCHER } from './kubelet-unit.ts';
import { formatManPage } from './man-page.ts';

const LIBRARY = 'usr/lib/nodelet';

// The flags of systemd/nodelet.service, for commands that are typed; also where the tarball lies unpacked.
const LAUNCHER = `#!/bin/sh
self=$(readlink -f "$0")
library=\${self%/usr/bin/*}/${LIBRARY}
exec "$library/node" --max-semi-space-size=1 "$library/main.js" "$@"
`;

export async function writeTree(root: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  const library = join(root, LIBRARY);
  await mkdir(library, { recursive: true });
  await writeBundle(library);
  signal.throwIfAborted();
  await copyFile(process.execPath, join(library, 'node'));
  await copyDescriptions(library);
  await copyKoffi(library);
  await put(root, 'usr/bin/nodelet', LAUNCHER, 0o755);
  await put(root, 'usr/bin/kubelet', KUBELET_LAUNCHER, 0o755);
  const unit = await readFile(join(CHECKOUT, 'systemd/nodelet.service'), 'utf8');
  await put(root, 'usr/lib/systemd/system/nodelet.service', unit);
  await put(root, 'usr/lib/systemd/system/kubelet.service', formatKubeletUnit(unit));
  await copyInto(root, 'usr/share/nodelet/config.yaml', 'systemd/config.yaml');
  const program = await buildProgram(
    { runAgent: async () => 0, output: { out: () => {}, err: () => {} } },
    () => {},
  );
  await put(root, 'usr/share/bash-completion/completions/nodelet', formatCompletion(program));
  await put(root, 'usr/share/man/man8/nodelet.8.gz', gzipSync(formatManPage(program), { level: 9 }));
  await put(root, 'usr/share/doc/nodelet/copyright', await formatCopyright());
  const changelog = await readFile(join(CHECKOUT, 'CHANGELOG.md'));
  await put(root, 'usr/share/doc/nodelet/changelog.gz', gzipSync(changelog, { level: 9 }));
  await setModes(root);
}

/** Beside main.js, where cri-proto/load.ts looks for them once it is part of it. */
async function copyDescriptions(library: string): Promise<void> {
  const names = await readdir(join(CHECKOUT, 'cri-proto'));
  for (const name of names.filter(one => one.endsWith('.proto'))) {
    await copyFile(join(CHECKOUT, 'cri-proto', name), join(library, name));
  }
}

/** The library and the native half for this machine's kind alone. */
async function copyKoffi(library: string): Promise<void> {
  const kind = `linux_${process.arch}`;
  const native = `node_modules/@koromix/koffi-linux-${process.arch}`;
  const files = [
    'node_modules/koffi/package.json',
    'node_modules/koffi/index.js',
    'node_modules/koffi/src/koffi/index.js',
    'node_modules/koffi/src/koffi/src/static.js',
    `${native}/package.json`,
    `${native}/index.js`,
    `${native}/${kind}/koffi.node`,
  ];
  for (const file of files) {
    await mkdir(join(library, dirname(file)), { recursive: true });
    await copyFile(join(CHECKOUT, file), join(library, file));
  }
}

async function copyInto(root: string, to: string, from: string): Promise<void> {
  await put(root, to, await readFile(join(CHECKOUT, from)));
}

async function put(root: string, path: string, content: string | Buffer, mode = 0o644): Promise<void> {
  await mkdir(join(root, dirname(path)), { recursive: true });
  await writeFile(join(root, path), content);
  await chmod(join(root, path), mode);
}

/** The umask of whoever builds must not show. */
async function setModes(root: string): Promise<void> {
  const programs = new Set(
    ['usr/bin/nodelet', 'usr/bin/kubelet', `${LIBRARY}/node`].map(path => join(root, path)),
  );
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    await chmod(path, entry.isDirectory() || programs.has(path) ? 0o755 : 0o644);
  }
}
