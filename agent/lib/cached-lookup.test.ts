import t from 'tap';
import { CachedLookup } from './cached-lookup.ts';

function makeLookup(maxEntries = 10) {
  let nowMs = 0;
  let loads = 0;
  const lookup = new CachedLookup<string>({
    clock: { nowMs: () => nowMs },
    maxEntries,
    ttlMs: value => (value === 'no' ? 10 : 100),
  });
  const ask = (key: string, value = 'yes') =>
    lookup.get(key, () => {
      loads += 1;
      return Promise.resolve(value);
    });
  return { lookup, ask, loads: () => loads, advance: (ms: number) => (nowMs += ms) };
}

void t.test('an answer holds for its own time', async t => {
  const { ask, loads, advance } = makeLookup();
  await ask('a');
  await ask('b', 'no');
  advance(50);
  t.equal(await ask('a'), 'yes');
  t.equal(await ask('b', 'no'), 'no');
  t.equal(loads(), 3, 'only b was asked again');
  advance(100);
  await ask('a');
  t.equal(loads(), 4);
});

void t.test('those who ask at once share one lookup', async t => {
  const { ask, loads } = makeLookup();
  await Promise.all([ask('a'), ask('a'), ask('a')]);
  t.equal(loads(), 1);
});

void t.test('a failure is not remembered', async t => {
  const { lookup, ask } = makeLookup();
  await t.rejects(lookup.get('a', () => Promise.reject(new Error('away'))));
  t.equal(await ask('a'), 'yes');
});

void t.test('the one used longest ago gives way', async t => {
  const { lookup, ask, loads } = makeLookup(2);
  await ask('a');
  await ask('b');
  await ask('a');
  await ask('c');
  t.equal(lookup.size, 2);
  await ask('a');
  t.equal(loads(), 3, 'a is still known');
  await ask('b');
  t.equal(loads(), 4, 'b is not');
});
