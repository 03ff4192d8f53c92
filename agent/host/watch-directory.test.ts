import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { watchDirectory } from './watch-directory.ts';

t.test(
  'watchDirectory() sees changes, also after the directory was created, removed and replaced',
  async t => {
    const base = t.testdir({});
    const watched = join(base, 'later', 'watched');
    const abort = new AbortController();
    const changes = watchDirectory(watched, { signal: abort.signal });
    // Far below the time after which it looks again by itself.
    const next = (): Promise<unknown> =>
      Promise.race([
        changes.next(),
        new Promise((_, reject) => setTimeout(reject, 3000, new Error('no change seen')).unref()),
      ]);
    const isSeen = async (change: () => Promise<unknown>): Promise<void> => {
      const seen = next();
      await change();
      await seen;
      // One change may be seen in two parts.
      await new Promise(resolve => setTimeout(resolve, 50));
    };

    await next();
    await isSeen(() => mkdir(watched, { recursive: true }));
    await isSeen(() => writeFile(join(watched, 'a'), '1'));
    await isSeen(() => writeFile(join(watched, 'a'), '2'));
    await isSeen(() => rename(watched, join(base, 'moved')));
    await isSeen(() => mkdir(watched));
    await isSeen(() => writeFile(join(watched, 'b'), '1'));
    await isSeen(() => rm(join(base, 'later'), { recursive: true }));
    abort.abort();
    t.match(await changes.next(), { done: true });
  },
);
