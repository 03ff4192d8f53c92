import t from 'tap';
import { buildPullRecord, isAccessible, type PullProof, parsePullRecord } from './build-pull-record.ts';

const now = '2026-01-01T00:00:00Z';
const secret = (name: string, credentialHash: string): PullProof => ({
  source: { kind: 'secret', namespace: 'ns', name, uid: `uid-${name}` },
  credentialHash,
});
const pulled = (proof: PullProof) => ({ name: 'a.io/app', imageRef: 'sha256:1', proof, now });

t.test('a pull with a secret is for who has it', async t => {
  const record = buildPullRecord(undefined, pulled(secret('one', 'h1')));
  const table: readonly [string, readonly PullProof[], boolean][] = [
    ['nobody else', [], false],
    ['the same secret', [secret('one', 'h1')], true],
    ['the same secret with a new password', [secret('one', 'h9')], true],
    ['the same password in another secret', [secret('two', 'h1')], true],
    ['another secret', [secret('two', 'h2')], false],
  ];
  for (const [name, ofPod, expected] of table)
    t.equal(isAccessible(record, 'a.io/app', ofPod), expected, name);
  t.notOk(isAccessible(record, 'b.io/app', [secret('one', 'h1')]), 'the same image under another name');
});

t.test('a pull without a secret is for everybody, from then on', async t => {
  const record = buildPullRecord(undefined, pulled(secret('one', 'h1')));
  const open = buildPullRecord(record, pulled({ source: { kind: 'node' }, credentialHash: '' }));
  t.ok(isAccessible(open, 'a.io/app', []));
  t.equal(buildPullRecord(open, pulled(secret('two', 'h2'))), open, 'nothing new');
});

t.test('secrets are added, and changed in their place', async t => {
  const one = buildPullRecord(undefined, pulled(secret('one', 'h1')));
  t.equal(buildPullRecord(one, pulled(secret('one', 'h1'))), one);
  const two = buildPullRecord(one, pulled(secret('two', 'h2')));
  const changed = buildPullRecord(two, pulled(secret('one', 'h3')));
  t.same(
    changed.credentialMapping['a.io/app']?.kubernetesSecrets?.map(({ name, credentialHash }) => [
      name,
      credentialHash,
    ]),
    [
      ['two', 'h2'],
      ['one', 'h3'],
    ],
  );
});

t.test(
  'parsePullRecord() reads what was written, by the kubelet too, and refuses everything else',
  async t => {
    const record = buildPullRecord(undefined, pulled(secret('one', 'h1')));
    const text = JSON.stringify(record);
    t.same(parsePullRecord(text, 'sha256:1'), record);
    const ofKubelet =
      '{"kind":"ImagePulledRecord","apiVersion":"kubelet.config.k8s.io/v1beta1","imageRef":"sha256:1"}';
    t.same(parsePullRecord(ofKubelet, 'sha256:1').credentialMapping, {});
    const damaged = ['', text.slice(0, 60), 'null', '{}', '[]', '7', '{"kind":"ImagePullIntent"}'];
    const strange = [null, [], 'x', { 'a.io/app': null }, { 'a.io/app': { kubernetesSecrets: 'x' } }];
    const texts = [
      ...damaged,
      ...strange.map(credentialMapping => JSON.stringify({ ...record, credentialMapping })),
    ];
    for (const one of texts) t.throws(() => parsePullRecord(one, 'sha256:1'), one);
  },
);
