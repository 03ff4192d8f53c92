import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writeFileAtomic } from './atomic-file.ts';

t.test('writeFileAtomic() replaces a file with exactly this content and mode', async t => {
  const path = join(t.testdir(), 'state');
  await writeFileAtomic(path, 'first', 0o644);
  await writeFileAtomic(path, 'second', 0o666);
  t.equal(await readFile(path, 'utf8'), 'second');
  t.equal((await stat(path)).mode & 0o777, 0o666);
});

t.test('writeFileAtomic() leaves nothing behind where it cannot write', async t => {
  const directory = t.testdir();
  await mkdir(join(directory, 'state'));
  const path = join(directory, 'state');
  const message = `EISDIR: illegal operation on a directory, rename '${path}' -> '${path}'`;
  await t.rejects(writeFileAtomic(path, 'content', 0o644), { code: 'EISDIR', message });
  t.strictSame(await readdir(directory), ['state']);
});
