import t from 'tap';
import { digestOf, type FileProjection, joinProblems, pathProblem, validatePayload } from './payload.ts';

const file = (text: string): FileProjection => ({ content: Buffer.from(text), mode: 0o644 });

t.test('pathProblem() refuses what would escape the volume or meet its own names', async t => {
  for (const path of ['a', 'a/b', '.hidden', '...', 'a..b', 'a/..b', './a', 'x'.repeat(255)]) {
    // Names of the writer begin with two dots; three are none of its own but the kubelet refuses them alike.
    t.equal(pathProblem(path) === undefined, path !== '...', path);
  }
  const rows: [string, RegExp][] = [
    ['', /must not be empty/],
    ['/etc/passwd', /must be relative/],
    ['..', /must not contain '\.\.'/],
    ['../a', /must not contain/],
    ['a/../../b', /must not contain/],
    ['a/..', /must not contain/],
    ['..data', /must not start with/],
    ['..data/x', /must not start with/],
    ['..2024_01_01', /must not start with/],
    ['x'.repeat(256), /longer than 255/],
    ['ü'.repeat(128), /longer than 255/],
    [`${'a/'.repeat(2048)}b`, /less than or equal to 4096/],
    ['a\0b', /NUL/],
  ];
  for (const [path, problem] of rows) t.match(pathProblem(path), problem, path.slice(0, 20));
});

t.test('validatePayload() cleans paths and refuses a file that is also a directory', async t => {
  const clean = validatePayload(new Map([['./a//b/', file('x')]]));
  t.same(clean.kind === 'built' ? [...clean.payload.keys()] : clean, ['a/b']);
  t.match(
    validatePayload(
      new Map([
        ['a', file('x')],
        ['a/b', file('y')],
      ]),
    ),
    { kind: 'failed' },
  );
  t.match(validatePayload(new Map([['.', file('x')]])), { kind: 'failed' });
  t.match(
    validatePayload(
      new Map([
        ['..', file('x')],
        ['/a', file('y')],
      ]),
    ),
    { problems: { length: 2 } },
  );
});

t.test('joinProblems() reads as the kubelet prints one or several errors', async t => {
  t.equal(joinProblems(['a']), 'a');
  t.equal(joinProblems(['a', 'b', 'a']), '[a, b]');
});

t.test('digestOf() depends on paths and content, not on the order', async t => {
  const one = digestOf(
    new Map([
      ['a', file('1')],
      ['b', file('2')],
    ]),
  );
  t.equal(
    digestOf(
      new Map([
        ['b', file('2')],
        ['a', file('1')],
      ]),
    ),
    one,
  );
  t.not(
    digestOf(
      new Map([
        ['a', file('2')],
        ['b', file('1')],
      ]),
    ),
    one,
  );
  t.not(digestOf(new Map([['a', file('1')]])), one);
});
