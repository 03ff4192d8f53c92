import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { type EmptyDirRequest, ensureEmptyDir } from './empty-dir.ts';

function requestFor(root: string, source: EmptyDirRequest['source'] = {}): EmptyDirRequest {
  return {
    directory: join(root, 'volumes/v'),
    metadataDirectory: join(root, 'plugins/v'),
    source,
    sizeBytes: undefined,
    pageBytes: undefined,
    fsGroup: undefined,
  };
}

t.test('a directory on disk, open to all, made once', async t => {
  const request = requestFor(t.testdir());
  t.match(await ensureEmptyDir(request), { kind: 'done' });
  t.equal((await stat(request.directory)).mode & 0o7777, 0o777);
  t.ok(await stat(join(request.metadataDirectory, 'ready')));
  await writeFile(join(request.directory, 'data'), 'kept');
  t.match(await ensureEmptyDir(request), { kind: 'done' });
  t.equal(await readFile(join(request.directory, 'data'), 'utf8'), 'kept');
});

t.test('the marker alone is not the volume', async t => {
  const request = requestFor(t.testdir());
  await ensureEmptyDir(request);
  await rm(request.directory, { recursive: true });
  t.match(await ensureEmptyDir(request), { kind: 'done' });
  t.ok((await stat(request.directory)).isDirectory());
});

t.test('a medium this node does not serve', async t => {
  t.match(await ensureEmptyDir(requestFor(t.testdir(), { medium: 'HugePages' })), {
    kind: 'failed',
    problem: 'emptyDir medium "HugePages" is not supported by this node',
  });
});
