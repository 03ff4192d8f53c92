import t from 'tap';
import { matchesGlob } from './glob.ts';

const TABLE: readonly (readonly [glob: string, text: string, matches: boolean])[] = [
  ['', '', true],
  ['', 'a', false],
  ['a', '', false],
  ['abc', 'abc', true],
  ['*', '', true],
  ['*', 'anything', true],
  ['a*c', 'abbc', true],
  ['a*c', 'abbcd', false],
  ['*a*b*', 'xxaxxbxx', true],
  ['*ab', 'aab', true],
  ['*aab', 'aaab', true],
  ['?', 'a', true],
  ['?', '', false],
  ['a?c', 'abc', true],
  ['[a-c]x', 'bx', true],
  ['[a-c]x', 'dx', false],
  ['[^a-c]', 'd', true],
  ['[^a-c]', 'b', false],
  ['[ab5]', '5', true],
  ['[\\]]', ']', true],
  ['a+(b)', 'a+(b)', true],
  ['a.c', 'abc', false],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['[', '[', false],
  ['[]', 'a', false],
  ['[a-]', 'a', false],
  ['\\', '\\', false],
];

for (const [glob, text, matches] of TABLE) {
  t.test(`matchesGlob() ${glob} and ${text}`, async t => t.equal(matchesGlob(glob, text), matches));
}

t.test('matchesGlob() takes no time for a pattern that is made to take long', async t => {
  const startedMs = performance.now();
  t.notOk(matchesGlob(`${'*a'.repeat(100)}*b`, 'a'.repeat(255)));
  t.ok(performance.now() - startedMs < 1000);
});
