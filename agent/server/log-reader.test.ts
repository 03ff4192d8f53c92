import { appendFile, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { FollowSource } from './log-follower.ts';
import type { LogQuery } from './log-query.ts';
import { readLog } from './log-reader.ts';

const PLAIN: LogQuery = {
  follow: false,
  previous: false,
  timestamps: false,
  sinceMs: undefined,
  tailLines: undefined,
  limitBytes: undefined,
  stream: undefined,
};
const BASE_MS = Date.parse('2026-05-01T12:00:00Z');
const { signal } = new AbortController();

const directory = await mkdtemp(join(tmpdir(), 'nodelet-logs-'));
t.teardown(() => rm(directory, { recursive: true }));
const path = join(directory, '0.log');

/** Records number `from` to `to`, one per second. */
function records(from: number, to: number): string {
  let text = '';
  for (let n = from; n <= to; n += 1)
    text += `${new Date(BASE_MS + n * 1000).toISOString()} stdout F line ${n}\n`;
  return text;
}

function lines(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`).join('');
}

async function read(query: Partial<LogQuery>, source: Partial<FollowSource> = {}): Promise<string> {
  const whole = { path, isRunning: () => false, onChange: () => () => undefined, ...source };
  let text = '';
  for await (const block of readLog(whole, { ...PLAIN, ...query }, { signal })) text += block.toString();
  return text;
}

// 1-10 packed, 11-20 rotated, 21-30 written now.
await writeFile(`${path}.20260501-120010.gz`, gzipSync(records(1, 10)));
await writeFile(`${path}.20260501-120020`, records(11, 20));
await writeFile(path, records(21, 30));
await utimes(`${path}.20260501-120010.gz`, BASE_MS / 1000 + 10, BASE_MS / 1000 + 10);
await utimes(`${path}.20260501-120020`, BASE_MS / 1000 + 20, BASE_MS / 1000 + 20);

void t.test('readLog() shows rotated and packed logs before the newest', async t => {
  t.equal(await read({}), lines(1, 30));
});

void t.test('readLog() finds the last lines wherever they are', async t => {
  for (const tailLines of [1, 9, 10, 11, 20, 21, 25, 30]) {
    t.equal(await read({ tailLines }), lines(31 - tailLines, 30), `${tailLines} lines`);
  }
  t.equal(await read({ tailLines: 0 }), '');
  t.equal(await read({ tailLines: 1000 }), lines(1, 30), 'more than there are');
});

void t.test('readLog() goes back as far as it was asked to', async t => {
  for (const from of [5, 10, 11, 20, 21, 29]) {
    t.equal(await read({ sinceMs: BASE_MS + from * 1000 }), lines(from, 30), `since ${from}`);
  }
  t.equal(await read({ sinceMs: BASE_MS + 25_000, tailLines: 20 }), lines(25, 30), 'whatever is less');
  t.equal(await read({ sinceMs: BASE_MS + 60_000 }), '');
});

void t.test('readLog() cuts at the limit, in the middle of a line', async t => {
  t.equal(await read({ limitBytes: 10 }), 'line 1\nlin');
});

void t.test('readLog() shows a last record that has no newline', async t => {
  const whole = join(directory, '1.log');
  await writeFile(whole, `${records(1, 1)}${records(2, 2).trimEnd()}`);
  t.equal(await read({}, { path: whole }), 'line 1\nline 2\n');
});

void t.test('readLog() says that there is no log', async t => {
  await t.rejects(
    read({}, { path: join(directory, 'none.log') }),
    /failed to try resolving symlinks in path/,
  );
});

void t.test('readLog() follows over rotations until the container has ended', async t => {
  const followed = join(directory, '2.log');
  await writeFile(followed, records(1, 5));
  let isRunning = true;
  let wake = (): void => undefined;
  const source = {
    path: followed,
    isRunning: () => isRunning,
    onChange: (listener: () => void) => {
      wake = listener;
      return () => undefined;
    },
  };
  let text = '';
  const started = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const block of readLog(source, { ...PLAIN, follow: true, tailLines: 2 }, { signal })) {
      text += block.toString();
      started.resolve();
    }
  })();
  await started.promise;
  let next = 6;
  for (const time of ['120000', '120001', '120002']) {
    await appendFile(followed, records(next, next));
    await rename(followed, `${followed}.20260501-${time}`);
    await writeFile(followed, records(next + 1, next + 1).slice(0, 30)); // half a record
    await appendFile(followed, records(next + 1, next + 1).slice(30));
    next += 2;
  }
  isRunning = false;
  wake();
  await reading;
  t.equal(text, lines(4, next - 1), 'each line once and in order');
});
