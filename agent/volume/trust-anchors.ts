// What one projection takes out of the cluster's trust bundles (certificates.k8s.io ClusterTrustBundle); pure.
import { createHash } from 'node:crypto';
import { matchesLabelSelector } from '../resources/label-selector.ts';
import type { TrustBundle, TrustBundlesLookup } from './trust-bundle-store.ts';
import type { ClusterTrustBundleSource } from './volume-source.ts';

export type TrustAnchorsOutcome =
  | { readonly kind: 'found'; readonly pem: string }
  | { readonly kind: 'failed'; readonly problem: string };

const NOT_SYNCED =
  'ClusterTrustBundle informer has not yet synced: the API server has not listed any, or does not serve them';
const NEITHER = 'ClusterTrustBundle projection requires either name or signerName to be set';
const NO_MATCH = 'combination of signerName and labelSelector matched zero ClusterTrustBundles';

export function findTrustAnchors(
  source: ClusterTrustBundleSource,
  lookup: TrustBundlesLookup,
): TrustAnchorsOutcome {
  const { name, signerName, labelSelector, optional = false } = source;
  if (name === undefined && signerName === undefined) return { kind: 'failed', problem: NEITHER };
  if (lookup.kind === 'unknown') return { kind: 'failed', problem: NOT_SYNCED };
  const isMeant = ({ metadata, spec }: TrustBundle): boolean =>
    name === undefined
      ? spec.signerName === signerName && matchesLabelSelector(labelSelector, metadata.labels ?? {})
      : metadata.name === name;
  const bundles = lookup.bundles.filter(isMeant);
  if (bundles.length > 0) return { kind: 'found', pem: mergeAnchors(bundles) };
  if (optional) return { kind: 'found', pem: '' };
  const missing = `while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "${name}" not found`;
  return { kind: 'failed', problem: name === undefined ? NO_MATCH : missing };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----([\w+/=\s]*)-----END CERTIFICATE-----/g;
const PEM_LINE = /.{1,64}/g;

// Each once. Nobody shall rely on an order, yet the same anchors must make the same file: so it is that of their digests.
function mergeAnchors(bundles: readonly TrustBundle[]): string {
  const texts = bundles.flatMap(({ spec }) =>
    Array.from(spec.trustBundle.matchAll(CERTIFICATE), ([, body]) => body),
  );
  const anchors = new Set(texts.map(body => (body ?? '').replaceAll(/\s/g, '')));
  return Array.from(anchors, body => ({ body, rank: createHash('sha256').update(body).digest('hex') }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(
      ({ body }) =>
        `-----BEGIN CERTIFICATE-----\n${body.match(PEM_LINE)?.join('\n')}\n-----END CERTIFICATE-----\n`,
    )
    .join('');
}
