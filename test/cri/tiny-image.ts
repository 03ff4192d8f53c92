// Images without a registry: one static busybox in a docker archive, which `ctr images import` reads.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const BUSYBOX_PATH = '/bin/busybox'; // Debian's busybox-static
const APPLETS = ['sh', 'sleep', 'echo', 'cat', 'true', 'false', 'kill'];

export interface TinyImage {
  readonly name: string;
  readonly command: readonly string[];
}

export async function writeImageArchive(archivePath: string, image: TinyImage): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'nodelet-image-'));
  try {
    await writeLayer(directory);
    await writeDescription(directory, image);
    await run('tar', ['-cf', archivePath, '-C', directory, 'manifest.json', 'config.json', 'layer.tar']);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function writeLayer(directory: string): Promise<void> {
  const binaries = join(directory, 'rootfs/bin');
  await mkdir(binaries, { recursive: true });
  await mkdir(join(directory, 'rootfs/tmp'));
  await copyFile(BUSYBOX_PATH, join(binaries, 'busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(binaries, applet));
  await run('tar', ['-cf', join(directory, 'layer.tar'), '-C', join(directory, 'rootfs'), '.']);
}

async function writeDescription(directory: string, { name, command }: TinyImage): Promise<void> {
  const layer = await readFile(join(directory, 'layer.tar'));
  const diffId = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
  const config = {
    architecture: arch() === 'x64' ? 'amd64' : arch(),
    os: 'linux',
    config: { Cmd: command, Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [diffId] },
  };
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest));
}
