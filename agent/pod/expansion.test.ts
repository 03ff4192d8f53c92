import t from 'tap';
import { expandVariables } from './expansion.ts';

t.test('expandVariables() follows the Kubernetes rules', async t => {
  const values: Record<string, string> = { A: '1', B: '$(A)' };
  const rows = [
    ['$(A)', '1'],
    ['x-$(A)-y', 'x-1-y'],
    ['$$(A)', '$(A)'],
    ['$(MISSING)', '$(MISSING)'],
    ['$(B)', '$(A)'],
    ['$A $', '$A $'],
    ['$(A', '$(A'],
    ['$$$(A)', '$1'],
  ] as const;
  for (const [input, expected] of rows)
    t.equal(
      expandVariables(input, name => values[name]),
      expected,
      input,
    );
});
