// Writes images the way Debian's docker-registry stores them, so that nothing needs to be pushed.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BuiltImage } from '../sandbox/image-archive.ts';

/** `registry.k8s.io/a/b:1` is repository `a/b`, whatever the host: mirrors are asked without it. */
export function parseImageName(name: string): { readonly repository: string; readonly tag: string } {
  const [, repository, tag] = /^[^/]+\/(.+):([^:/]+)$/.exec(name) ?? [];
  if (repository === undefined || tag === undefined) throw new Error(`no full image name: ${name}`);
  return { repository, tag };
}

export async function writeRegistryStore(root: string, images: readonly BuiltImage[]): Promise<void> {
  const base = join(root, 'docker', 'registry', 'v2');
  const written = new Set<string>();
  const write = async (path: string, content: Buffer | string) => {
    if (written.has(path)) return;
    written.add(path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  };
  for (const { names, manifest, config, layers } of images) {
    for (const { digest, content } of [manifest, config, ...layers]) {
      const hex = digest.replace('sha256:', '');
      await write(join(base, 'blobs', 'sha256', hex.slice(0, 2), hex, 'data'), content);
    }
    for (const name of names) {
      const { repository, tag } = parseImageName(name);
      const link = async (digest: string, ...path: readonly string[]) =>
        await write(join(base, 'repositories', repository, ...path, 'link'), digest);
      const linkPath = (digest: string) => digest.replace(':', '/');
      for (const { digest } of [config, ...layers]) await link(digest, '_layers', linkPath(digest));
      await link(manifest.digest, '_manifests', 'revisions', linkPath(manifest.digest));
      await link(manifest.digest, '_manifests', 'tags', tag, 'current');
      await link(manifest.digest, '_manifests', 'tags', tag, 'index', linkPath(manifest.digest));
    }
  }
}
