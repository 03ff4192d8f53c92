import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { SlowValues } from './slow-values.ts';

const { signal } = new AbortController();

t.test('get() waits once, and finds out for all who ask meanwhile', async t => {
  const values = new SlowValues<number>({ maxAgeMs: 60_000, concurrency: 1, signal });
  let looks = 0;
  const find = async (): Promise<number> => {
    looks += 1;
    await turn();
    return looks;
  };
  t.same(await Promise.all([values.get('a', find), values.get('a', find)]), [1, 1]);
  t.equal(await values.get('a', find), 1);
  t.equal(await values.get('b', find), 2);
});

t.test('get() hands out the old value while a new one is found out', async t => {
  const values = new SlowValues<number>({ maxAgeMs: -1, concurrency: 1, signal });
  const next = Promise.withResolvers<number>();
  await values.get('a', async () => 1);
  t.equal(await values.get('a', () => next.promise), 1);
  next.resolve(2);
  await turn();
  t.equal(await values.get('a', async () => 3), 2);
});

t.test('get() keeps the old value when finding a new one fails, and fails when there is none', async t => {
  const values = new SlowValues<number>({ maxAgeMs: -1, concurrency: 1, signal });
  await t.rejects(values.get('a', async () => await Promise.reject(new Error('no'))));
  await values.get('a', async () => 1);
  t.equal(await values.get('a', async () => await Promise.reject(new Error('no'))), 1);
  await turn();
  t.equal(await values.get('a', async () => 2), 1);
});
