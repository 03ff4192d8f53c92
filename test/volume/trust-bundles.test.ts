// Anchors of the cluster's trust bundles in a pod's files, on an API server that has them switched on.
import '../host/private-namespaces.ts';
import { spawnSync } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Volume } from '../../agent/api/objects.ts';
import { hostPathOf, never, VolumeCluster } from './cluster.ts';
import { eventually } from './eventually.ts';

spawnSync('ip', ['link', 'set', 'lo', 'up']);
const cluster = await VolumeCluster.start([
  '--feature-gates=ClusterTrustBundle=true,ClusterTrustBundleProjection=true',
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
  await eventually('the pod is woken', () => Promise.resolve(agent.woken.includes(pod.metadata.uid ?? '')));
  const file = join(hostPathOf(await agent.ensure(pod), 'anchors'), 'ca.pem');
  t.equal(await readFile(file, 'utf8'), anchors.first);
  t.equal((await stat(file)).mode & 0o777, 0o640, 'as a token');
  const patch = { spec: { trustBundle: anchors.first + anchors.second } };
  await cluster.admin.patch(`${BUNDLES}/company`, patch, { signal: never, type: 'merge' });
  await eventually('both anchors', async () => (await readFile(file, 'utf8')).split('BEGIN').length === 3);
  await agent.stop();
});
