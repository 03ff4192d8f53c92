import t from 'tap';
import { buildKeyFiles, type KeyFilesSource } from './build-key-files.ts';
import type { ObjectLookup } from './object-store.ts';
import type { PayloadOutcome } from './payload.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const configMap: ObjectLookup = {
  kind: 'present',
  object: { metadata: { name: 'app' }, data: { a: 'ä', b: '2' }, binaryData: { bin: base64('\u0001') } },
};
const secret: ObjectLookup = {
  kind: 'present',
  object: { metadata: { name: 'app' }, data: { user: base64('admin') } },
};

function shape(outcome: PayloadOutcome): unknown {
  if (outcome.kind === 'failed') return outcome.problems;
  return Object.fromEntries(
    Array.from(outcome.payload, ([path, { content, mode }]) => [
      path,
      `${content.toString()}:${mode.toString(8)}`,
    ]),
  );
}

t.test('buildKeyFiles()', async t => {
  const base: KeyFilesSource = { defaultMode: 0o644 };
  const rows: [string, 'configmaps' | 'secrets', KeyFilesSource, ObjectLookup, unknown][] = [
    [
      'every key of data and binaryData',
      'configmaps',
      base,
      configMap,
      { a: 'ä:644', b: '2:644', bin: '\u0001:644' },
    ],
    ['a secret is decoded', 'secrets', base, secret, { user: 'admin:644' }],
    ['the default mode', 'secrets', { defaultMode: 0o400 }, secret, { user: 'admin:400' }],
    [
      'only the items listed, where they say',
      'configmaps',
      {
        ...base,
        items: [
          { key: 'b', path: 'sub/two', mode: 0o600 },
          { key: 'a', path: 'one' },
        ],
      },
      configMap,
      { 'sub/two': '2:600', one: 'ä:644' },
    ],
    [
      'a missing key',
      'configmaps',
      { ...base, items: [{ key: 'nope', path: 'x' }] },
      configMap,
      ['configmap references non-existent config key: nope'],
    ],
    [
      'a missing secret key',
      'secrets',
      { ...base, items: [{ key: 'nope', path: 'x' }] },
      secret,
      ['references non-existent secret key: nope'],
    ],
    [
      'a missing optional key',
      'configmaps',
      {
        ...base,
        optional: true,
        items: [
          { key: 'nope', path: 'x' },
          { key: 'b', path: 'b' },
        ],
      },
      configMap,
      { b: '2:644' },
    ],
    ['a missing object', 'configmaps', base, { kind: 'absent' }, ['configmap "app" not found']],
    ['a missing secret', 'secrets', base, { kind: 'absent' }, ['secret "app" not found']],
    ['a missing optional object', 'secrets', { ...base, optional: true }, { kind: 'absent' }, {}],
    [
      'an object not known yet, optional or not',
      'configmaps',
      { ...base, optional: true },
      { kind: 'unknown' },
      ['failed to sync configmap cache: timed out waiting for the condition'],
    ],
    [
      'no default mode',
      'configmaps',
      {},
      configMap,
      ['no defaultMode used, not even the default value for it'],
    ],
  ];
  for (const [name, kind, source, lookup, expected] of rows) {
    t.same(shape(buildKeyFiles(kind, 'app', source, lookup)), expected, name);
  }
});
