import t from 'tap';
import type { Container, Pod } from '../api/objects.ts';
import { foreseePulls } from './foresee-pulls.ts';
import type { ForeseenChange } from './foreseen.ts';

const pod = (name: string, ...containers: readonly Container[]): Pod => ({
  metadata: { name, namespace: 'n', uid: name },
  spec: { containers },
});
const change = (subject: string, what: string): ForeseenChange => ({
  kind: 'container',
  subject,
  change: what,
  why: '',
  isDisturbing: false,
});
const of = (image: string, imagePullPolicy?: string): Container => ({
  name: 'main',
  image,
  ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
});

const PODS = [
  pod('always', of('here:1', 'Always')),
  pod('one', of('away:1')),
  pod('two', of('away:1', 'IfNotPresent')),
  pod('never', of('away:2', 'Never')),
  pod('here', of('here:1')),
];
const rows: readonly (readonly [
  title: string,
  changes: readonly (readonly [pod: string, change: string])[],
  pulls: readonly string[],
  asked: readonly string[],
])[] = [
  [
    'a missing image once, for all who need it',
    [
      ['one', 'starts'],
      ['two', 'restarts'],
    ],
    ['away:1: for n/one main, n/two main'],
    ['away:1'],
  ],
  ['none that is here', [['here', 'starts']], [], ['here:1']],
  [
    'one that is here, for who always wants it anew',
    [
      ['here', 'starts'],
      ['always', 'starts'],
    ],
    ['here:1: for n/always main'],
    ['here:1'],
  ],
  [
    'none for a resized container, whatever its policy',
    [
      ['always', 'is resized'],
      ['one', 'is resized'],
    ],
    [],
    [],
  ],
  ['none for a container that ends', [['always', 'ends']], [], []],
  ['none where the policy forbids it', [['never', 'starts']], [], []],
];
for (const [title, changes, pulls, asked] of rows) {
  t.test(`foreseePulls() tells ${title}`, async t => {
    const questions: string[] = [];
    const found = await foreseePulls(
      changes.map(([name, what]) => change(`n/${name} main`, what)),
      PODS,
      async image => {
        questions.push(image);
        return image === 'here:1';
      },
    );
    t.same(
      found.map(({ subject, why }) => `${subject}: ${why}`),
      pulls,
    );
    t.same(questions, asked);
  });
}
