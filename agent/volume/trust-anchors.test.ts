import t from 'tap';
import { findTrustAnchors } from './trust-anchors.ts';
import type { TrustBundle, TrustBundlesLookup } from './trust-bundle-store.ts';
import type { ClusterTrustBundleSource } from './volume-source.ts';

const A = 'QUFBQQ==';
const B = 'QkJCQg==';
const pem = (body: string): string => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;

function bundle(name: string, signerName: string, anchors: readonly string[], env = 'test'): TrustBundle {
  const trustBundle = anchors.map(pem).join('# a comment between them\n');
  return { metadata: { name, labels: { env } }, spec: { signerName, trustBundle } };
}

const known: TrustBundlesLookup = {
  kind: 'known',
  bundles: [
    bundle('one', 'acme/ca', [A]),
    bundle('two', 'acme/ca', [B, A], 'live'),
    bundle('three', 'other/ca', [B]),
  ],
};

const ROWS: Readonly<
  Record<string, readonly [Omit<ClusterTrustBundleSource, 'path'>, readonly string[] | RegExp]>
> = {
  'by name': [{ name: 'three' }, [B]],
  'by name, missing': [{ name: 'x' }, /clustertrustbundle.certificates.k8s.io "x" not found/],
  'by name, missing and optional': [{ name: 'x', optional: true }, []],
  'all of a signer, each anchor once': [{ signerName: 'acme/ca', labelSelector: {} }, [A, B]],
  'of a signer by label': [{ signerName: 'acme/ca', labelSelector: { matchLabels: { env: 'test' } } }, [A]],
  'of a signer by expression': [
    {
      signerName: 'acme/ca',
      labelSelector: { matchExpressions: [{ key: 'env', operator: 'NotIn', values: ['test'] }] },
    },
    [A, B],
  ],
  'a missing selector matches nothing': [{ signerName: 'acme/ca' }, /matched zero ClusterTrustBundles/],
  'neither name nor signer': [{}, /requires either name or signerName/],
};

for (const [name, [source, expected]] of Object.entries(ROWS)) {
  t.test(`findTrustAnchors() ${name}`, async t => {
    const outcome = findTrustAnchors({ path: 'ca.pem', ...source }, known);
    if (expected instanceof RegExp) t.match(outcome, { kind: 'failed', problem: expected });
    else if (outcome.kind === 'found') t.same(outcome.pem.match(/[^\n]+==/g)?.sort() ?? [], expected);
    else t.fail(outcome.problem);
  });
}

t.test('findTrustAnchors() waits for the first list, also for an optional bundle', async t => {
  const outcome = findTrustAnchors({ path: 'ca.pem', name: 'one', optional: true }, { kind: 'unknown' });
  t.match(outcome, { kind: 'failed', problem: /has not yet synced/ });
});

t.test(
  'findTrustAnchors() makes the same file of the same anchors, whatever the order of the bundles',
  async t => {
    const source = { path: 'ca.pem', signerName: 'acme/ca', labelSelector: {} };
    const turned: TrustBundlesLookup = {
      kind: 'known',
      bundles: known.kind === 'known' ? known.bundles.toReversed() : [],
    };
    t.same(findTrustAnchors(source, turned), findTrustAnchors(source, known));
  },
);
