import t from 'tap';
import type { Pod } from '../api/objects.ts';
import { type MirrorAction, planMirrors } from './plan-mirrors.ts';

const NODE = { name: 'node-1', uid: 'node-uid' };

function makeStatic(name: string, hash: string): Pod {
  const annotations = { 'kubernetes.io/config.hash': hash };
  return { metadata: { name, namespace: 'n', uid: hash, annotations }, spec: { containers: [] } };
}

function makeMirror(name: string, hash: string, metadata: Partial<Pod['metadata']> = {}): Pod {
  const annotations = { 'kubernetes.io/config.mirror': hash };
  return {
    metadata: { name, namespace: 'n', uid: `m-${name}`, annotations, ...metadata },
    spec: { containers: [] },
  };
}

function names(actions: readonly MirrorAction[]): readonly string[] {
  return actions.map(({ kind, mirror }) => `${kind} ${mirror.metadata.name}`);
}

t.test('planMirrors() creates what is missing, owned by the node', async t => {
  const [action] = planMirrors([{ pod: makeStatic('a', 'h'), isWanted: true }], [], NODE);
  t.match(action, {
    kind: 'create',
    mirror: {
      metadata: {
        annotations: { 'kubernetes.io/config.mirror': 'h', 'kubernetes.io/config.hash': 'h' },
        ownerReferences: [
          { apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: 'node-uid', controller: true },
        ],
      },
    },
  });
  t.equal(action?.mirror.metadata.uid, undefined, 'the API server gives it a UID');
});

const wanted = { pod: makeStatic('a', 'h'), isWanted: true };
const rows: readonly (readonly [
  string,
  Parameters<typeof planMirrors>[0],
  readonly Pod[],
  readonly string[],
])[] = [
  ['does nothing when all is there', [wanted], [makeMirror('a', 'h')], []],
  ['deletes the mirror of an earlier manifest first', [wanted], [makeMirror('a', 'old')], ['delete a']],
  [
    'deletes a mirror that somebody deletes',
    [wanted],
    [makeMirror('a', 'h', { deletionTimestamp: '2026-01-01T00:00:00Z' })],
    ['delete a'],
  ],
  ['deletes a mirror without a pod', [], [makeMirror('b', 'h')], ['delete b']],
  [
    'leaves the mirror of a pod that is being ended',
    [{ ...wanted, isWanted: false }],
    [makeMirror('a', 'h')],
    [],
  ],
  ['makes none for a pod that is being ended', [{ ...wanted, isWanted: false }], [], []],
];
t.test('planMirrors() deletes no mirror before all manifests are read', async t => {
  t.same(planMirrors([], [makeMirror('b', 'h')], NODE, { isComplete: false }), []);
});

for (const [name, statics, mirrors, expected] of rows) {
  t.test(`planMirrors() ${name}`, async t => {
    t.same(names(planMirrors(statics, mirrors, NODE)), expected);
  });
}
