import t from 'tap';
import { failedBlocks } from './failed-blocks.ts';

const TAP = `TAP version 14
# Subtest: one
    ok 1 - fine
    not ok 2 - numbers
      ---
      diff: |
        -2
        +1
      ...
    
    1..2
not ok 1 - one # time=16ms
  ---
  at: here
  ...

# Subtest: two
    ok 1 - fine
    1..1
ok 2 - two
not ok 3 - boom
1..3
`;

t.test('failedBlocks() keeps what failed with its diagnostics, and no summary of it', async t => {
  t.equal(
    failedBlocks(TAP),
    'not ok 2 - numbers\n      ---\n      diff: |\n        -2\n        +1\n      ...\nnot ok 3 - boom',
  );
  t.equal(failedBlocks('ok 1 - fine\n1..1\n'), '');
});
