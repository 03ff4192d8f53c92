import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { buildImages } from '../sandbox/image-archive.ts';
import { parseImageName, writeRegistryStore } from './registry-store.ts';

t.test('parseImageName() leaves out the host', async t => {
  t.same(parseImageName('registry.k8s.io/e2e/agnhost:2.63.0'), { repository: 'e2e/agnhost', tag: '2.63.0' });
  t.throws(() => parseImageName('agnhost'));
});

t.test('writeRegistryStore() links a tag to a manifest, and keeps every blob by its digest', async t => {
  const root = t.testdir();
  const images = buildImages([{ names: ['host.example/a/b:1'], files: [] }], 'amd64');
  await writeRegistryStore(root, images);
  const base = join(root, 'docker/registry/v2');
  const link = join(base, 'repositories/a/b/_manifests/tags/1/current/link');
  const [image] = images;
  t.equal(await readFile(link, 'utf8'), image?.manifest.digest);
  for (const { digest, content } of image ? [image.manifest, image.config, ...image.layers] : []) {
    const hex = digest.replace('sha256:', '');
    t.same(await readFile(join(base, 'blobs/sha256', hex.slice(0, 2), hex, 'data')), content);
  }
});
