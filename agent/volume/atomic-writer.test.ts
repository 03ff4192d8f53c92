import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { restorePublished, writePayload } from './atomic-writer.ts';
import type { FileProjection, Payload } from './payload.ts';

const NOW_MS = Date.UTC(2026, 10, 20, 18, 40, 5);

function payloadOf(files: Readonly<Record<string, string>>, mode = 0o644): Payload {
  return new Map(
    Object.entries(files).map(([path, text]): [string, FileProjection] => [
      path,
      { content: Buffer.from(text), mode },
    ]),
  );
}

function write(directory: string, files: Readonly<Record<string, string>>): Promise<'written' | 'unchanged'> {
  return writePayload(directory, payloadOf(files), { nowMs: NOW_MS });
}

/** Every name in the volume's root, generations reduced to their prefix. */
async function rootNames(directory: string): Promise<string[]> {
  return (await readdir(directory)).map(name => (/^\.\.\d/.test(name) ? 'generation' : name)).sort();
}

t.test('a first write publishes files through ..data', async t => {
  const directory = t.testdir();
  t.equal(await restorePublished(directory), false);
  t.equal(await write(directory, { 'app.conf': 'one', 'conf.d/a': 'x', 'conf.d/deep/b': 'y' }), 'written');
  t.equal(await restorePublished(directory), true);
  t.same(await rootNames(directory), ['..data', 'app.conf', 'conf.d', 'generation']);
  t.equal(await readlink(join(directory, 'app.conf')), '..data/app.conf');
  t.match(await readlink(join(directory, '..data')), /^\.\.2026_11_20_18_40_05\./);
  t.equal(await readFile(join(directory, 'conf.d/deep/b'), 'utf8'), 'y');
});

t.test('modes are as asked whatever the umask', async t => {
  const directory = t.testdir();
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  const payload = new Map([
    ['open', { content: Buffer.from('a'), mode: 0o666 }],
    ['closed', { content: Buffer.from('b'), mode: 0o400 }],
    ['sub/file', { content: Buffer.from('c'), mode: 0o644 }],
  ]);
  await writePayload(directory, payload, { nowMs: NOW_MS });
  const modeOf = async (path: string): Promise<number> => (await stat(join(directory, path))).mode & 0o7777;
  t.equal(await modeOf('open'), 0o666);
  t.equal(await modeOf('closed'), 0o400);
  t.equal(await modeOf('sub'), 0o755);
  t.equal(await modeOf('..data/'), 0o755);
});

t.test('nothing is written when the content is equal', async t => {
  const directory = t.testdir();
  await write(directory, { a: '1', 'b/c': '2' });
  const before = await readlink(join(directory, '..data'));
  t.equal(await write(directory, { 'b/c': '2', a: '1' }), 'unchanged');
  t.equal(await readlink(join(directory, '..data')), before);
});

t.test('a change replaces the generation and its links', async t => {
  const rows: [string, Record<string, string>, Record<string, string>, string[]][] = [
    ['other content', { a: '1' }, { a: '2' }, ['..data', 'a', 'generation']],
    ['a key more', { a: '1' }, { a: '1', b: '2' }, ['..data', 'a', 'b', 'generation']],
    ['a key less', { a: '1', b: '2' }, { b: '2' }, ['..data', 'b', 'generation']],
    ['a file becomes a directory', { a: '1' }, { 'a/b': '1' }, ['..data', 'a', 'generation']],
    ['a nested key less', { 'a/b': '1', 'a/c': '2' }, { 'a/c': '2' }, ['..data', 'a', 'generation']],
    ['everything gone', { a: '1' }, {}, ['..data', 'generation']],
  ];
  for (const [name, before, after, names] of rows) {
    await t.test(name, async t => {
      const directory = t.testdir();
      await write(directory, before);
      t.equal(await write(directory, after), 'written');
      t.same(await rootNames(directory), names);
      for (const [path, text] of Object.entries(after)) {
        t.equal(await readFile(join(directory, path), 'utf8'), text);
      }
    });
  }
});

t.test('what a killed writer or a person left behind is repaired', async t => {
  const rows: [string, (directory: string) => Promise<void>][] = [
    [
      'a stale ..data_tmp',
      directory => symlink('..2020_01_01_00_00_00.abcdef', join(directory, '..data_tmp')),
    ],
    [
      'an orphan generation',
      async directory => {
        await mkdir(join(directory, '..2020_01_01_00_00_00.abcdef/sub'), { recursive: true });
        await writeFile(join(directory, '..2020_01_01_00_00_00.abcdef/sub/part'), 'x');
      },
    ],
    ['a link of an older generation', directory => symlink('..data/old', join(directory, 'old'))],
  ];
  for (const [name, spoil] of rows) {
    for (const files of [{ a: '1' }, { a: '2' }]) {
      await t.test(`${name}, content ${files.a === '1' ? 'equal' : 'changed'}`, async t => {
        const directory = t.testdir();
        await write(directory, { a: '1' });
        await spoil(directory);
        await write(directory, files);
        t.same(await rootNames(directory), ['..data', 'a', 'generation']);
        t.equal(await readFile(join(directory, 'a'), 'utf8'), files.a);
      });
    }
  }
  await t.test('..data that points nowhere', async t => {
    const directory = t.testdir({ '..data': t.fixture('symlink', '..2020_01_01_00_00_00.gone') });
    t.equal(await write(directory, { a: '1' }), 'written');
    t.equal(await readFile(join(directory, 'a'), 'utf8'), '1');
  });
  await t.test('an emptied file, as after a power cut', async t => {
    const directory = t.testdir();
    await write(directory, { a: '1' });
    await writeFile(join(directory, '..data/a'), '');
    t.equal(await write(directory, { a: '1' }), 'written');
    t.equal(await readFile(join(directory, 'a'), 'utf8'), '1');
  });
});

t.test('what an earlier agent published is gone on with only when it is whole', async t => {
  const rows: [string, (directory: string) => Promise<unknown>, boolean][] = [
    ['as it was written', () => Promise.resolve(), true],
    ['killed before the links were made', directory => rm(join(directory, 'a')), true],
    ['killed before the switch', directory => symlink('..gone', join(directory, '..data_tmp')), true],
    [
      'killed while the next was written',
      directory => mkdir(join(directory, '..2026_11_20_18_40_09.x')),
      true,
    ],
    ['a power cut took the data of a file', directory => truncate(join(directory, '..data/a')), false],
    ['a power cut took a file', directory => rm(join(directory, '..data/sub/b')), false],
    [
      'a power cut took the generation',
      async directory => rm(join(directory, await readlink(join(directory, '..data'))), { recursive: true }),
      false,
    ],
    [
      'written by the kubelet, whose names tell nothing',
      async directory => {
        const name = await readlink(join(directory, '..data'));
        await rename(join(directory, name), join(directory, '..2026_11_20_18_40_05.123'));
        await rm(join(directory, '..data'));
        await symlink('..2026_11_20_18_40_05.123', join(directory, '..data'));
      },
      true,
    ],
  ];
  for (const [name, spoil, isWhole] of rows) {
    await t.test(name, async t => {
      const directory = t.testdir();
      const payload = payloadOf({ a: '1', 'sub/b': '2' });
      await writePayload(directory, payload, { nowMs: NOW_MS, isOnDisk: true });
      await spoil(directory);
      t.equal(await restorePublished(directory), isWhole);
      if (isWhole) t.equal(await readFile(join(directory, 'a'), 'utf8'), '1');
      await writePayload(directory, payload, { nowMs: NOW_MS, isOnDisk: true });
      t.equal(await readFile(join(directory, 'sub/b'), 'utf8'), '2', 'mended by the next write');
      t.same(await rootNames(directory), ['..data', 'a', 'generation', 'sub']);
    });
  }
});

t.test('directories that are mount points for other volumes stay', async t => {
  const directory = t.testdir({ nested: {} });
  await write(directory, { a: '1' });
  await write(directory, { b: '1' });
  t.same(await rootNames(directory), ['..data', 'b', 'generation', 'nested']);
});

t.test('a failing ownership pass leaves the old generation published', async t => {
  const directory = t.testdir();
  await write(directory, { a: '1' });
  const beforePublish = (): Promise<void> => Promise.reject(new Error('no such group'));
  await t.rejects(
    writePayload(directory, payloadOf({ a: '2' }), { nowMs: NOW_MS, beforePublish }),
    /no such group/,
  );
  t.equal(await readFile(join(directory, 'a'), 'utf8'), '1');
  t.same(await rootNames(directory), ['..data', 'a', 'generation']);
});

t.test('a reader sees one generation, never a mix', async t => {
  const directory = t.testdir();
  const generation = (value: number): Record<string, string> =>
    Object.fromEntries(['a', 'b', 'sub/c'].map(path => [path, `${value}`.repeat(2000)]));
  await write(directory, generation(0));
  let isDone = false;
  let reads = 0;
  const reader = (async () => {
    while (!isDone) {
      // As a careful consumer does: the link once, then the files of that generation.
      const current = join(directory, await readlink(join(directory, '..data')));
      try {
        const texts = await Promise.all(
          ['a', 'b', 'sub/c'].map(path => readFile(join(current, path), 'utf8')),
        );
        if (new Set(texts).size !== 1 || texts[0]?.length !== 2000) throw new Error(`mixed: ${texts.join()}`);
        reads += 1;
      } catch (error) {
        // The generation was replaced and removed while we read: that is "old", not "mixed".
        if (!(error instanceof Error) || !error.message.startsWith('ENOENT')) throw error;
      }
    }
  })();
  for (let value = 1; value <= 200; value++) await write(directory, generation(value % 10));
  isDone = true;
  await reader;
  t.ok(reads > 20, `${reads} consistent reads`);
});

const LOOP = `
  import { writePayload } from ${JSON.stringify(fileURLToPath(new URL('./atomic-writer.ts', import.meta.url)))};
  process.stdout.write('started');
  for (let value = 0; ; value++) {
    const text = Buffer.from(String(value % 10).repeat(500));
    const paths = value % 2 ? ['a', 'b', 'odd/c'] : ['a', 'b', 'even/c'];
    await writePayload(process.argv[1], new Map(paths.map(path => [path, { content: text, mode: 0o644 }])), { nowMs: Date.now() });
  }`;

async function startLoop(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', LOOP, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

t.test('killed at any moment: complete before, repaired after', async t => {
  const directory = t.testdir();
  for (let round = 0; round < 6; round++) {
    const child = await startLoop(directory);
    await new Promise(resolve => setTimeout(resolve, 5 + Math.random() * 20));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const names = (await restorePublished(directory)) ? await readdir(join(directory, '..data')) : [];
    // `z` is of our own last write: on a busy machine the child is gone before its first.
    if (names.length > 0 && !names.includes('z')) {
      const third = names.includes('odd') ? 'odd/c' : 'even/c';
      const paths = ['a', 'b', third].map(path => join(directory, '..data', path));
      const texts = await Promise.all(paths.map(path => readFile(path, 'utf8')));
      t.equal(new Set(texts).size, 1, 'one generation');
      t.equal(texts[0]?.length, 500, 'complete');
    }
    await write(directory, { a: `${round}`, z: 'new' });
    t.same(await rootNames(directory), ['..data', 'a', 'generation', 'z']);
  }
});
