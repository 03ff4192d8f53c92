import t from 'tap';
import { parseSwaps } from './swaps.ts';

t.test('parseSwaps() names the areas', async t => {
  const heading = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n';
  t.same(parseSwaps(heading), []);
  t.same(parseSwaps(''), []);
  t.same(parseSwaps(`${heading}/dev/sda2  partition 1 0 -2\n/swap file 2 0 -3\n`), ['/dev/sda2', '/swap']);
});
