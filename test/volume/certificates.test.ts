// Trust anchors and certificates of a pod in its files, on an API server that has both switched on.
import '../host/private-namespaces.ts';
import { spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { KubeObject, Volume } from '../../agent/api/objects.ts';
import { waitFor } from '../support/wait-for.ts';
import { hostPathOf, never, VolumeCluster } from './cluster.ts';

spawnSync('ip', ['link', 'set', 'lo', 'up']);
const cluster = await VolumeCluster.start([
  '--feature-gates=ClusterTrustBundle=true,ClusterTrustBundleProjection=true,PodCertificateRequest=true',
  '--runtime-config=certificates.k8s.io/v1beta1=true',
]);
t.teardown(() => cluster.stop());

const BUNDLES = '/apis/certificates.k8s.io/v1beta1/clustertrustbundles';
cluster.server.makeCa('other');
const anchors = {
  first: await readFile(join(cluster.server.directory, 'ca.crt'), 'utf8'),
  second: await readFile(join(cluster.server.directory, 'other.crt'), 'utf8'),
};

async function createBundle(name: string, trustBundle: string): Promise<void> {
  const body = { apiVersion: 'certificates.k8s.io/v1beta1', kind: 'ClusterTrustBundle' };
  await cluster.admin.create(
    BUNDLES,
    { ...body, metadata: { name }, spec: { trustBundle } },
    { signal: never },
  );
}

const anchorsOf = (name: string): Volume => ({
  name: 'anchors',
  projected: { defaultMode: 420, sources: [{ clusterTrustBundle: { name, path: 'ca.pem' } }] },
});

await t.test('a bundle that is missing is waited for, and followed', async t => {
  const agent = await cluster.startManager();
  const pod = await cluster.pod('anchors', [anchorsOf('company')], { securityContext: { fsGroup: 3000 } });
  t.match(await agent.ensure(pod), {
    failures: [{ message: /clustertrustbundle.certificates.k8s.io "company" not found/ }],
  });
  await createBundle('company', anchors.first);
  await waitFor('the pod is woken', () => agent.woken.includes(pod.metadata.uid ?? ''));
  const file = join(hostPathOf(await agent.ensure(pod), 'anchors'), 'ca.pem');
  t.equal(await readFile(file, 'utf8'), anchors.first);
  t.equal((await stat(file)).mode & 0o777, 0o640, 'as a token');
  const patch = { spec: { trustBundle: anchors.first + anchors.second } };
  await cluster.admin.patch(`${BUNDLES}/company`, patch, { signal: never, type: 'merge' });
  await waitFor('both anchors', async () => (await readFile(file, 'utf8')).split('BEGIN').length === 3);
  await agent.stop();
});

const REQUESTS = '/apis/certificates.k8s.io/v1beta1/namespaces/default/podcertificaterequests';

interface CertificateRequest extends KubeObject {
  readonly spec: { readonly stubPKCS10Request: string; readonly podName: string };
}

const certificateOf = (keyType: string): Volume => ({
  name: 'identity',
  projected: {
    defaultMode: 420,
    sources: [
      { podCertificate: { signerName: 'example.com/test', keyType, credentialBundlePath: 'bundle.pem' } },
    ],
  },
});

/** The request of the pod that nobody has answered yet. */
async function openRequest(podName: string): Promise<CertificateRequest> {
  let found: CertificateRequest | undefined;
  await waitFor(`a request of ${podName}`, async () => {
    const { items } = await cluster.admin.get<{ items: (CertificateRequest & Answered)[] }>(REQUESTS, {
      signal: never,
    });
    found = items.find(({ spec, status }) => spec.podName === podName && !status?.conditions);
    return found !== undefined;
  });
  if (!found) throw new Error('no request');
  return found;
}

interface Answered {
  readonly status?: { readonly conditions?: readonly object[] };
}

async function answer({ metadata }: CertificateRequest, type: string, more: object = {}): Promise<void> {
  const condition = {
    type,
    status: 'True',
    reason: 'Test',
    message: 'by hand',
    lastTransitionTime: new Date(),
  };
  const status = { conditions: [condition], ...more };
  const path = `${REQUESTS}/${metadata.name}/status`;
  await cluster.admin.patch(path, { status }, { signal: never, type: 'merge' });
}

/** Signs as a signer's controller does: the key is the request's, all else is the signer's own. */
async function issue(request: CertificateRequest, { refreshInMs = 3_000_000 } = {}): Promise<void> {
  const { directory } = cluster.server;
  const file = (name: string): string => join(directory, `${request.metadata.name}.${name}`);
  await writeFile(file('csr'), Buffer.from(request.spec.stubPKCS10Request, 'base64'));
  const ca = ['-CA', join(directory, 'other.crt'), '-CAkey', join(directory, 'other.key'), '-CAcreateserial'];
  const args = [
    'x509',
    '-req',
    '-inform',
    'der',
    '-in',
    file('csr'),
    ...ca,
    '-days',
    '1',
    '-out',
    file('crt'),
  ];
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const certificateChain = await readFile(file('crt'), 'utf8');
  const { validFromDate, validToDate } = new X509Certificate(certificateChain);
  await answer(request, 'Issued', {
    certificateChain,
    notBefore: validFromDate.toISOString().replace('.000', ''),
    beginRefreshAt: new Date(Date.now() + refreshInMs).toISOString().replace(/\.\d+/, ''),
    notAfter: validToDate.toISOString().replace('.000', ''),
  });
}

await t.test('a certificate of every kind of key', async t => {
  const agent = await cluster.startManager();
  for (const keyType of ['RSA3072', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519']) {
    const pod = await cluster.pod(`of-${keyType.toLowerCase()}`, [certificateOf(keyType)]);
    const outcome = agent.ensure(pod);
    await issue(await openRequest(pod.metadata.name));
    const bundle = await readFile(join(hostPathOf(await outcome, 'identity'), 'bundle.pem'), 'utf8');
    const isPair = new X509Certificate(bundle).checkPrivateKey(createPrivateKey(bundle));
    t.ok(isPair, `${keyType}: key and certificate belong together`);
  }
  await agent.stop();
});

await t.test('a refusal is told, and asked for no second time', async t => {
  const agent = await cluster.startManager();
  const pod = await cluster.pod('refused', [certificateOf('ECDSAP256')]);
  const outcome = agent.ensure(pod);
  await answer(await openRequest('refused'), 'Denied');
  const message = 'PodCertificateRequest was permanently denied: reason="Test" message="by hand"';
  t.match(await outcome, { failures: [{ message }] });
  t.match(await agent.ensure(pod), { failures: [{ message }] });
  const { items } = await cluster.admin.get<{ items: CertificateRequest[] }>(REQUESTS, { signal: never });
  t.equal(items.filter(({ spec }) => spec.podName === 'refused').length, 1);
  await agent.stop();
});

await t.test('a certificate is renewed when its signer says', async t => {
  const agent = await cluster.startManager({ skewMs: 3_600_000 });
  const pod = await cluster.pod('renewed', [certificateOf('ECDSAP256')]);
  const outcome = agent.ensure(pod);
  await issue(await openRequest('renewed'), { refreshInMs: 3_200_000 });
  const file = join(hostPathOf(await outcome, 'identity'), 'bundle.pem');
  const first = await readFile(file, 'utf8');
  await issue(await openRequest('renewed'), { refreshInMs: 80_000_000 });
  await waitFor('the next one', async () => (await readFile(file, 'utf8')) !== first);
  t.notSame(
    createPrivateKey(await readFile(file, 'utf8')).export({ format: 'jwk' }),
    createPrivateKey(first).export({ format: 'jwk' }),
  );
  await agent.stop();
});
