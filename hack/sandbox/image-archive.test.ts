import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { buildImageArchive } from './image-archive.ts';
import { runOk } from './run.ts';

void t.test(
  'buildImageArchive() writes a layout whose digests are right and whose tar tar(1) reads',
  async t => {
    const directory = await mkdtemp(join(tmpdir(), 'nodelet-image-'));
    t.teardown(async () => await rm(directory, { recursive: true }));
    const archive = buildImageArchive(
      [
        {
          names: ['docker.io/library/x:1', 'docker.io/library/x:latest'],
          files: [
            { kind: 'directory', path: 'bin' },
            { kind: 'file', path: 'bin/x', mode: 0o755, content: 'hello' },
            { kind: 'link', path: 'bin/y', target: 'x' },
          ],
          command: ['x'],
        },
      ],
      'amd64',
    );
    await writeFile(join(directory, 'images.tar'), archive);
    const { signal } = new AbortController();
    await runOk('tar', ['-xf', join(directory, 'images.tar'), '-C', directory], { signal });
    const readJson = async (path: string) => JSON.parse(await readFile(join(directory, path), 'utf8'));
    const index = await readJson('index.json');
    t.strictSame(
      index.manifests.map(
        (manifest: { annotations: Record<string, string> }) =>
          manifest.annotations['io.containerd.image.name'],
      ),
      ['docker.io/library/x:1', 'docker.io/library/x:latest'],
    );
    const blobPath = (digest: string) => join('blobs', digest.replace(':', '/'));
    const manifest = await readJson(blobPath(index.manifests[0].digest));
    const layer = await readFile(join(directory, blobPath(manifest.layers[0].digest)));
    t.equal(`sha256:${createHash('sha256').update(layer).digest('hex')}`, manifest.layers[0].digest);
    await writeFile(join(directory, 'layer.tar'), layer);
    const listing = await runOk('tar', ['-tvf', join(directory, 'layer.tar')], { signal });
    t.match(listing, /^drwxr-xr-x .* bin\/\n-rwxr-xr-x .* bin\/x\nlrwxrwxrwx .* bin\/y -> x\n$/);
  },
);
