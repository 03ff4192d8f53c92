import t from 'tap';
import { expandAll, expandVariables } from './expansion.ts';

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
    ['$(A', '$(A'],
    ['$', '$'],
    ['$()', '$()'],
    ['$(A)$(', '1$('],
    ['$($(A)', '$($(A)'],
    ['$( $$', '$( $'],
  ] as const;
  for (const [input, expected] of rows)
    t.equal(
      expandVariables(input, name => values[name]),
      expected,
      input,
    );
});

t.test('expandVariables() takes no time for text that is made to take long', async t => {
  const startedMs = performance.now();
  t.equal(expandVariables('$('.repeat(200_000), () => undefined).length, 400_000);
  t.ok(performance.now() - startedMs < 1000);
});

t.test('variables that double with every line come to an end', async t => {
  const variables = new Map([['A0', 'x'.repeat(1000)]]);
  const lookUp = (name: string): string | undefined => variables.get(name);
  t.throws(
    () => {
      for (let line = 1; line < 40; line += 1) {
        variables.set(`A${line}`, expandVariables(`$(A${line - 1})$(A${line - 1})`, lookUp));
      }
    },
    { message: /longer than \d+ characters/ },
  );
  t.throws(() => expandAll(Array<string>(4).fill('$(A11)'), variables), { message: /longer than/ });
});
