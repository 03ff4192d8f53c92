// The node's certificates against a real signer: first one by TLS bootstrap, rotation, serving certificate, refusals.
import { X509Certificate } from 'node:crypto';
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { CertificateManager, CLIENT } from '../../agent/join/certificate-manager.ts';
import { NO_NAMES } from '../../agent/join/certificate-request.ts';
import { CertificateStore } from '../../agent/join/certificate-store.ts';
import { useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';
import { createBootstrapToken, NewNode, whoAmI } from './new-node.ts';

t.setTimeout(120_000);
const DAY_MS = 86_400_000;
const cluster = await useCluster(t);

t.test('a bootstrap kubeconfig becomes a certificate of the node itself', async t => {
  const node = new NewNode(t, cluster);
  node.writeBootstrapKubeconfig(await createBootstrapToken(cluster));
  const api = await node.connect(await node.prepare());
  t.teardown(() => api.close());
  t.equal(await whoAmI(api), `system:node:${node.name}`);
  const current = join(node.pkiDirectory, 'kubelet-client-current.pem');
  t.ok(lstatSync(current).isSymbolicLink());
  t.equal(statSync(current).mode & 0o777, 0o600);
  t.equal(statSync(node.kubeconfigPath).mode & 0o777, 0o600);
  t.notOk(node.pkiFiles.includes('kubelet-client.key.tmp'), 'the key is in the pair now');

  const files = node.pkiFiles;
  await node.prepare();
  t.strictSame(node.pkiFiles, files, 'the next start asks for nothing');
});

t.test('a certificate that is due is replaced while requests go on', async t => {
  const node = new NewNode(t, cluster);
  node.writeKubeconfig(-95, 5);
  const certificates = await node.prepare();
  const api = await node.connect(certificates);
  t.teardown(() => api.close());
  const before = node.readPki('kubelet-client-current.pem');
  const running = certificates.run(api, () => [], node);
  await waitFor('the new certificate', async () => {
    t.equal(await whoAmI(api), `system:node:${node.name}`, 'no request fails');
    return node.readPki('kubelet-client-current.pem') !== before;
  });
  const issued = new X509Certificate(node.readPki('kubelet-client-current.pem'));
  t.ok(issued.validToDate.getTime() > Date.now() + 300 * 86_400_000);
  t.equal(node.pkiFiles.filter(name => /-\d\d\.pem$/.test(name)).length, 2, 'the old pair is kept');
  t.equal((await node.signingRequests('kube-apiserver-client-kubelet')).length, 1);
  await waitFor('the connection to use it', () =>
    node.log.messages().some(line => line.startsWith('API credentials read again')),
  );
  t.equal(await whoAmI(api), `system:node:${node.name}`);
  node.stop.abort();
  await running;
});

t.test('a renewal waits for an API server that is away, and asks once when it is back', async t => {
  const gate = await Gate.open(t, cluster.sandbox.server);
  const node = new NewNode(t, cluster);
  node.server = gate.url;
  node.writeKubeconfig(-95, 5);
  const certificates = await node.prepare();
  const api = await node.connect(certificates);
  t.teardown(() => api.close());
  const before = node.readPki('kubelet-client-current.pem');
  gate.shut();
  const running = certificates.run(api, () => [], node);
  await waitFor('attempts', () => gate.refused > 1);
  t.equal(node.readPki('kubelet-client-current.pem'), before, 'what there is stays in use');
  gate.reopen();
  await waitFor('the new certificate', () => node.readPki('kubelet-client-current.pem') !== before);
  t.equal(await whoAmI(api), `system:node:${node.name}`);
  t.equal((await node.signingRequests('kube-apiserver-client-kubelet')).length, 1);
  node.stop.abort();
  await running;
});

t.test('a certificate that ends while the API server is away', async t => {
  const gate = await Gate.open(t, cluster.sandbox.server);
  const node = new NewNode(t, cluster);
  node.server = gate.url;
  const endsAtMs = Date.now() + 3_000;
  node.writeKubeconfig(-1, (endsAtMs - Date.now()) / 3_600_000);
  node.writeBootstrapKubeconfig(await createBootstrapToken(cluster));
  const certificates = await node.prepare();
  const api = await node.connect(certificates);
  t.teardown(() => api.close());
  gate.shut();
  const running = certificates.run(api, () => [], node);
  await waitFor('its end', () => Date.now() > endsAtMs);
  gate.reopen();
  // By the bootstrap kubeconfig, without a restart, and the connection takes it up.
  await waitFor('the API server to know the node again', async () => {
    return (await whoAmI(api)) === `system:node:${node.name}`;
  });
  node.stop.abort();
  await running;
});

t.test('a clock that jumps ahead makes one request and a sentence, no storm', async t => {
  const node = new NewNode(t, cluster);
  node.writeKubeconfig(-1, 100);
  const api = await node.connect(await node.prepare());
  t.teardown(() => api.close());
  // A new certificate is due after 70 to 90 % of its year: here it always is.
  const clock = { nowMs: () => Date.now() + 350 * DAY_MS };
  const { logger } = node.log;
  const manager = new CertificateManager(CLIENT, {
    store: new CertificateStore(node.pkiDirectory, 'kubelet-client'),
    nodeName: node.name,
    withClient: async (_reason, use) => await use(api),
    wantedNames: () => NO_NAMES,
    clock,
    logger,
  });
  const running = manager.run(node);
  await waitFor('the sentence', () => node.log.messages().some(line => line.includes('clock right?')));
  const requests = await node.signingRequests('kube-apiserver-client-kubelet');
  await setTimeout(1_500); // a storm would be hundreds by then
  t.same(await node.signingRequests('kube-apiserver-client-kubelet'), requests);
  t.equal(requests.length, 1);
  node.stop.abort();
  await running;
});

t.test('expired while the node was off', async t => {
  const node = new NewNode(t, cluster);
  node.writeKubeconfig(-100, -1);
  await node.prepare();
  t.match(node.log.messages().join('\n'), /has expired certificate of .* `nodelet join`; pods keep running/);

  node.writeBootstrapKubeconfig(await createBootstrapToken(cluster));
  const api = await node.connect(await node.prepare());
  t.teardown(() => api.close());
  t.equal(await whoAmI(api), `system:node:${node.name}`);
});

t.test('a serving certificate has the addresses of the node, and follows them', async t => {
  const node = new NewNode(t, cluster);
  node.writeKubeconfig(-1, 100);
  const certificates = await node.prepare({ serverTLSBootstrap: true });
  const api = await node.connect(certificates);
  t.teardown(() => api.close());
  const running = certificates.run(api, () => node.addresses, node);
  node.addresses = [
    { type: 'Hostname', address: node.name },
    { type: 'InternalIP', address: '10.0.0.7' },
  ];
  const denied = await waitFor(
    'a request',
    async () => (await node.signingRequests('kubelet-serving'))[0]?.metadata.name,
  );
  await cluster.kubectl('certificate', 'deny', denied);
  await waitFor('the refusal to be told', () =>
    node.log.messages().some(line => line.includes('was denied')),
  );

  node.addresses = [...node.addresses, { type: 'ExternalIP', address: '192.0.2.7' }];
  certificates.addressesChanged();
  const asked = await waitFor('a second request', async () => {
    const all = await node.signingRequests('kubelet-serving');
    return all.map(({ metadata }) => metadata.name).find(name => name !== denied);
  });
  await cluster.kubectl('certificate', 'approve', asked);
  const names = await waitFor('the certificate', () => {
    const pair = certificates.serving.current;
    return pair && new X509Certificate(pair.certificate).subjectAltName;
  });
  t.equal(names, `DNS:${node.name}, IP Address:10.0.0.7, IP Address:192.0.2.7`);
  node.stop.abort();
  await running;
});
