import t from 'tap';
import type { Container, Pod, SecurityContext } from '../api/objects.ts';
import { buildContent, buildFileOwner, type ContentInputs } from './build-content.ts';
import type { ProjectionSource } from './volume-source.ts';

function podWith(
  podUser: number | undefined,
  containerUsers: readonly (number | undefined)[],
  fsGroup?: number,
): Pod {
  const context = (user: number | undefined): SecurityContext =>
    user === undefined ? {} : { runAsUser: user };
  const containers = containerUsers.map(
    (user, index): Container => ({ name: `c${index}`, image: 'i', securityContext: context(user) }),
  );
  const securityContext = { ...context(podUser), ...(fsGroup !== undefined && { fsGroup }) };
  return {
    metadata: { name: 'p', namespace: 'shop', uid: 'u' },
    spec: { containers: containers.slice(1), initContainers: containers.slice(0, 1), securityContext },
  };
}

const inputs: ContentInputs = {
  object: (kind, name) =>
    kind === 'configmaps' && name === 'kube-root-ca.crt'
      ? { kind: 'present', object: { metadata: { name }, data: { 'ca.crt': 'PEM' } } }
      : { kind: 'absent' },
  token: source =>
    source.audience === 'bad'
      ? { kind: 'missing', problem: 'failed to fetch token: no' }
      : { kind: 'present', token: 'TOKEN' },
  certificate: () => ({ kind: 'missing', problem: 'credential bundle is not issued yet' }),
  trustBundles: () => ({ kind: 'known', bundles: [] }),
  allocatable: {},
};

const TOKEN: ProjectionSource = { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } };
const CA: ProjectionSource = { configMap: { name: 'kube-root-ca.crt' } };
const NAMESPACE: ProjectionSource = {
  downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] },
};

function build(sources: readonly ProjectionSource[], pod: Pod): unknown {
  const outcome = buildContent({ kind: 'projected', source: { sources, defaultMode: 0o644 } }, pod, inputs);
  if (outcome.kind === 'failed') return outcome.problems;
  return Object.fromEntries(
    Array.from(outcome.payload, ([path, { content, mode, ownerUid }]) => [
      path,
      [content.toString(), mode.toString(8), ...(ownerUid === undefined ? [] : [ownerUid])].join(':'),
    ]),
  );
}

t.test('the volume every pod has', async t => {
  t.same(build([TOKEN, CA, NAMESPACE], podWith(undefined, [undefined])), {
    token: 'TOKEN:644',
    'ca.crt': 'PEM:644',
    namespace: 'shop:644',
  });
});

t.test('token files are private where the pod says who reads them', async t => {
  const rows: [string, Pod, string][] = [
    ['one user for all containers', podWith(1000, [undefined, undefined]), 'TOKEN:600:1000'],
    ['the container wins over the pod', podWith(1000, [7, 7]), 'TOKEN:600:7'],
    ['containers differ', podWith(undefined, [1, 2]), 'TOKEN:644'],
    ['one container leaves it to its image', podWith(undefined, [1, undefined]), 'TOKEN:644'],
    ['root by name', podWith(0, [undefined]), 'TOKEN:600:0'],
    ['a group alone', podWith(undefined, [undefined], 2000), 'TOKEN:600'],
  ];
  for (const [name, pod, token] of rows) t.same(build([TOKEN], pod), { token }, name);
  t.equal(buildFileOwner(podWith(undefined, [])), undefined);
});

t.test('all sources that fail are named, the later of two equal paths wins', async t => {
  const pod = podWith(undefined, [undefined]);
  t.same(
    build(
      [
        { secret: { name: 's' } },
        { serviceAccountToken: { path: 't', audience: 'bad' } },
        { clusterTrustBundle: { path: 'c', name: 'x' } },
        {},
      ],
      pod,
    ),
    [
      'secret "s" not found',
      'failed to fetch token: no',
      'while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "x" not found',
      'the API server has taken a source out of this projected volume: the feature gate of its kind is off there',
    ],
  );
  const other: ProjectionSource = {
    downwardAPI: { items: [{ path: 'ca.crt', fieldRef: { fieldPath: 'metadata.name' } }] },
  };
  t.same(build([CA, other], pod), { 'ca.crt': 'p:644' });
  t.match(build([{ serviceAccountToken: { path: '../x' } }], pod), [/must not contain/]);
});
