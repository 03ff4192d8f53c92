import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readCNIDirectory, readFingerprint, removeConflist, writeConflist } from './cni-directory.ts';

const parent = await mkdtemp(join(tmpdir(), 'cni-'));
t.teardown(() => rm(parent, { recursive: true }));
const directory = join(parent, 'etc', 'net.d');

t.test('a directory that is not there is empty', async t => {
  t.strictSame(await readCNIDirectory(directory), { fileNames: [], ownContent: undefined });
  t.equal(await readFingerprint(directory), '');
});

t.test('our file is written whole, found again and taken away', async t => {
  await writeConflist(directory, 'content');
  t.strictSame(await readCNIDirectory(directory), {
    fileNames: ['10-nodelet.conflist'],
    ownContent: 'content',
  });
  await removeConflist(directory);
  await removeConflist(directory);
  t.strictSame((await readCNIDirectory(directory)).fileNames, []);
});

t.test('readFingerprint() differs for every change and for nothing else', async t => {
  await writeFile(join(directory, 'a.conf'), '1');
  const first = await readFingerprint(directory);
  t.equal(await readFingerprint(directory), first);
  await writeFile(join(directory, 'b.conf'), '1');
  const second = await readFingerprint(directory);
  t.not(second, first);
  await writeFile(join(directory, 'a.conf'), '22');
  t.not(await readFingerprint(directory), second);
  await symlink('loop', join(directory, 'loop'));
  const withLoop = await readFingerprint(directory);
  t.equal(await readFingerprint(directory), withLoop, 'a link that leads to itself');
  await writeFile(join(directory, 'c.conf'), '1');
  t.not(await readFingerprint(directory), withLoop);
});
