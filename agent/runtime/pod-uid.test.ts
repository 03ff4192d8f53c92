import t from 'tap';
import { isPodUID } from './pod-uid.ts';

t.test('isPodUID() takes what pods are called by, and nothing that leads elsewhere', async t => {
  const good = ['ec1f6a4b-55f0-4b4f-b0de-6f2a1f1f0a11', 'd41d8cd98f00b204e9800998ecf8427e', 'u', 'my.pod_1'];
  for (const text of good) t.ok(isPodUID(text), text);
  const bad = [
    '',
    '.',
    '..',
    '../x',
    '../../etc',
    'a/b',
    '/',
    'a\0b',
    'a\n',
    ' ',
    '-',
    '.hidden',
    'x'.repeat(129),
  ];
  for (const text of bad) t.notOk(isPodUID(text), JSON.stringify(text));
});
