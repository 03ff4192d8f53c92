import t from 'tap';
import { parseEnvFile } from './env-file.ts';

t.test('parseEnvFile()', async t => {
  const value = (text: string) => ({ kind: 'value', value: text });
  const table: readonly [string, string, object][] = [
    ['a value', "A='1'\nKEY='two words' # why\n", value('two words')],
    ['of several lines', "KEY='one\n two\n\n three'", value('one\n two\n\n three')],
    ['behind comments and blanks', "# x\n\n \tKEY='='", value('=')],
    ['the first of two', "KEY='1'\nKEY='2'", value('1')],
    ['nothing', "A='1'", { kind: 'missing' }],
    ['a blank before the value', "KEY= 'x'\n", { kind: 'missing' }],
    ['an empty value', "KEY=''", value('')],
    ['no quotes', 'KEY=x', { kind: 'invalid', line: 1 }],
    ['no value', 'KEY=', { kind: 'invalid', line: 1 }],
    ['a blank before the sign', "A='1'\nKEY ='x'", { kind: 'invalid', line: 2 }],
    ['no sign', 'KEY', { kind: 'invalid', line: 1 }],
    ['no end', "A='1'\nKEY='x\ny", { kind: 'invalid', line: 2 }],
    ['something behind', "KEY='x' y", { kind: 'invalid', line: 1 }],
    ['what comes after the key does not matter', "KEY='x'\n???", value('x')],
  ];
  for (const [name, text, expected] of table) t.same(parseEnvFile(text)('KEY'), expected, name);
});
