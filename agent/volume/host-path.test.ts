import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ensureHostPath } from './host-path.ts';

t.test('every type with everything that may stand at the path', async t => {
  const root = t.testdir({
    dir: {},
    file: 'x',
    'link-to-dir': t.fixture('symlink', 'dir'),
    dangling: t.fixture('symlink', 'nowhere'),
  });
  // A socket's path may have 107 bytes: not below the checkout.
  const socketDir = await mkdtemp(join(tmpdir(), 'host-path-'));
  const server = createServer().listen(join(socketDir, 'sock'));
  t.teardown(async () => {
    server.close();
    await rm(socketDir, { recursive: true });
  });
  const paths: Record<string, string> = {
    dir: join(root, 'dir'),
    file: join(root, 'file'),
    link: join(root, 'link-to-dir'),
    socket: join(socketDir, 'sock'),
    char: '/dev/null',
    missing: join(root, 'no/where'),
    below: join(root, 'file/below'),
  };
  const allowed: Record<string, readonly string[]> = {
    '': Object.keys(paths),
    Directory: ['dir', 'link'],
    File: ['file'],
    Socket: ['socket'],
    CharDevice: ['char'],
    BlockDevice: [],
  };
  for (const [type, names] of Object.entries(allowed)) {
    for (const [name, path] of Object.entries(paths)) {
      const outcome = await ensureHostPath({ path, type });
      t.equal(outcome.kind, names.includes(name) ? 'done' : 'failed', `type ${type} on ${name}`);
    }
  }
  t.match(await ensureHostPath({ path: join(root, 'file'), type: 'Directory' }), {
    problem: `hostPath type check failed: ${join(root, 'file')} is not a directory`,
  });
});

t.test('the two that create', async t => {
  const root = t.testdir({ dir: {}, file: 'x' });
  t.match(await ensureHostPath({ path: join(root, 'a/b'), type: 'DirectoryOrCreate' }), { kind: 'done' });
  t.equal((await stat(join(root, 'a/b'))).mode & 0o777, 0o755);
  t.match(await ensureHostPath({ path: join(root, 'new'), type: 'FileOrCreate' }), { kind: 'done' });
  t.equal((await stat(join(root, 'new'))).mode & 0o777, 0o644);
  t.match(await ensureHostPath({ path: join(root, 'file'), type: 'DirectoryOrCreate' }), { kind: 'failed' });
  t.match(await ensureHostPath({ path: join(root, 'dir'), type: 'FileOrCreate' }), { kind: 'failed' });
  await t.rejects(ensureHostPath({ path: join(root, 'no/parent'), type: 'FileOrCreate' }), {
    code: 'ENOENT',
  });
});

t.test('what cannot be', async t => {
  t.match(await ensureHostPath({ path: '/a/../etc' }), { kind: 'failed', problem: /invalid HostPath/ });
  t.match(await ensureHostPath({ path: '/', type: 'Pipe' }), { problem: 'Pipe is an invalid volume type' });
});
