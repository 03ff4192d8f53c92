// `nodelet join` as a person types it: a good token once and twice, each wrong one, each other kind of credentials.
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { runCli } from '../../agent/cli/cli.ts';
import { pinsOf } from '../../agent/join/join-token.ts';
import { useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { startK3sEndpoints } from './k3s-endpoints.ts';
import { createBootstrapToken, NewNode } from './new-node.ts';

t.setTimeout(120_000);
const cluster = await useCluster(t);
const { server } = cluster.sandbox;
const { signal } = new AbortController();

async function runJoin(node: NewNode, ...args: readonly string[]) {
  let out = '';
  let err = '';
  const places = ['--dir', node.directory, '--cert-dir', node.pkiDirectory, '--no-start'];
  const code = await runCli(['join', ...args, '--node-name', node.name, ...places], {
    runAgent: async () => 1,
    output: {
      out: text => {
        out += text;
      },
      err: text => {
        err += text;
      },
    },
  });
  return { code, out, err };
}

function newNode(t: Test): NewNode & { readonly pin: string } {
  const node = new NewNode(t, cluster);
  return Object.assign(node, { pin: `sha256:${pinsOf(node.authority.certificate)[0]}` });
}

async function createSignedToken(): Promise<string> {
  const token = await createBootstrapToken(cluster);
  await waitFor('the signature', async () => {
    const { data } = await cluster.api.get<{ data: Record<string, string> }>(
      '/api/v1/namespaces/kube-public/configmaps/cluster-info',
      { signal },
    );
    return data[`jws-kubeconfig-${token.slice(0, 6)}`];
  });
  return token;
}

t.test('a token and the hash of the CA make a node of the machine', async t => {
  const node = newNode(t);
  const token = await createSignedToken();
  const first = await runJoin(node, server, '--token', token, '--discovery-token-ca-cert-hash', node.pin);
  t.equal(first.err, '');
  t.equal(first.code, 0);
  t.match(first.out, `joined ${server} as ${node.name}; configuration: ${node.directory}/config.yaml`);
  const config: unknown = parse(readFileSync(join(node.directory, 'config.yaml'), 'utf8'));
  t.match(config, { rotateCertificates: true, nodelet: { hostnameOverride: node.name } });
  t.notOk(existsSync(join(node.directory, 'bootstrap-kubeconfig')), 'the token is not kept');
  await cluster.sandbox.kubectl(['--kubeconfig', node.kubeconfigPath, 'get', 'nodes'], { signal });

  const again = await runJoin(node, server, '--token', token, '--discovery-token-ca-cert-hash', node.pin);
  t.equal(again.code, 0);
  t.match(again.out, 'already');
  t.equal(node.pkiFiles.length, 2, 'no second certificate');
});

t.test('each wrong argument is told in one sentence, with its exit code', async t => {
  const node = newNode(t);
  const token = await createSignedToken();
  const otherSecret = `${token.slice(0, 7)}${randomBytes(8).toString('hex')}`;
  const hash = ['--discovery-token-ca-cert-hash', node.pin];
  const rows: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['nothing', [], 2, /give one of --token, --bootstrap-kubeconfig and --kubeconfig/],
    ['no server', ['--token', token, ...hash], 2, /say the address of the API server/],
    ['no hash', [server, '--token', token], 2, /give --discovery-token-ca-cert-hash/],
    ['half a token', [server, '--token', 'abcdef', ...hash], 2, /the token is not right/],
    [
      'an unknown token',
      [server, '--token', 'aaaaaa.0123456789abcdef', ...hash],
      77,
      /does not know the token aaaaaa/,
    ],
    ['a wrong secret', [server, '--token', otherSecret, ...hash], 77, /the second part of the token/],
    [
      'another hash',
      [server, '--token', token, '--discovery-token-ca-cert-hash', `sha256:${'0'.repeat(64)}`],
      77,
      /not the hash that was given/,
    ],
    ['nobody there', ['127.0.0.1:9', '--token', token, ...hash], 69, /nothing listens there|refused/],
    ['no such file', ['--kubeconfig', '/no/such'], 78, /kubeconfig \/no\/such does not exist/],
    [
      "somebody else's kubeconfig",
      ['--kubeconfig', cluster.sandbox.adminKubeconfigPath],
      78,
      /is of kubernetes-admin/,
    ],
  ];
  for (const [title, args, code, err] of rows) {
    const ran = await runJoin(node, ...args);
    t.equal(ran.code, code, title);
    t.match(ran.err, err, title);
    t.equal(ran.err.trim().split('\n').length, 1, title);
  }
  t.notOk(existsSync(node.kubeconfigPath), 'and nothing was made');
});

t.test('an expired token, and the name of a node that is there', async t => {
  const node = newNode(t);
  const soon = new Date(Date.now() + 2_000);
  node.writeBootstrapKubeconfig(await createBootstrapToken(cluster, soon));
  const path = join(node.directory, 'bootstrap-kubeconfig');
  await waitFor('the token to expire', () => Date.now() > soon.getTime() + 1_000);
  const expired = await runJoin(node, '--bootstrap-kubeconfig', path);
  t.equal(expired.code, 77);
  t.match(expired.err, /the token is not accepted: expired/);

  node.writeBootstrapKubeconfig(await createBootstrapToken(cluster));
  await cluster.untilNodeReady();
  const taken = await runJoin(Object.assign(node, { name: 'node-1' }), '--bootstrap-kubeconfig', path);
  t.equal(taken.code, 78);
  t.match(taken.err, /Node with name "node-1" and status "Ready" already exists/);
});

t.test('a kubeconfig that works is taken over', async t => {
  const node = newNode(t);
  node.writeKubeconfig(-1, 100);
  const ready = join(node.directory, 'ready.conf');
  writeFileSync(ready, readFileSync(node.kubeconfigPath));
  const other = newNode(t);
  const ran = await runJoin(other, '--kubeconfig', ready);
  t.equal(ran.code, 78, 'not under another name');
  const own = await runJoin(Object.assign(other, { name: node.name }), '--kubeconfig', ready);
  t.equal(own.err, '');
  t.match(readFileSync(other.kubeconfigPath, 'utf8'), 'kubelet-client-current.pem');
});

t.test("Services are left to the cluster's kube-proxy, unless the file says otherwise", async t => {
  const kubectl = async (...args: string[]): Promise<string> =>
    await cluster.sandbox.kubectl(['-n', 'kube-system', ...args], { signal });
  const objects = ['configmap/kube-proxy', 'role/kube-proxy', 'rolebinding/kube-proxy'];
  t.teardown(async () => await kubectl('delete', '--ignore-not-found', ...objects));
  // As kubeadm makes them.
  await kubectl('create', 'configmap', 'kube-proxy');
  const right = ['--verb=get', '--resource=configmaps', '--resource-name=kube-proxy'];
  await kubectl('create', 'role', 'kube-proxy', ...right);
  const group = '--group=system:bootstrappers:kubeadm:default-node-token';
  await kubectl('create', 'rolebinding', 'kube-proxy', '--role=kube-proxy', group);
  for (const enabled of [false, true]) {
    const node = newNode(t);
    const path = join(node.directory, 'config.yaml');
    if (enabled) writeFileSync(path, 'nodelet:\n  proxy:\n    enabled: true\n');
    node.writeBootstrapKubeconfig(await createBootstrapToken(cluster));
    const ran = await runJoin(node, '--bootstrap-kubeconfig', join(node.directory, 'bootstrap-kubeconfig'));
    t.match(ran.out, 'this cluster has a kube-proxy');
    t.match(parse(readFileSync(path, 'utf8')), { nodelet: { proxy: { enabled } } });
  }
});

t.test('a token of k3s, and each wrong one', async t => {
  const node = newNode(t);
  const { authority } = node;
  const { url, password, nodes } = await startK3sEndpoints(t, authority);
  const hash = createHash('sha256').update(authority.certificate).digest('hex');
  const token = `K10${hash}::server:${password}`;
  const env = ['--k3s-password-file', join(node.directory, 'password')];
  const first = await runJoin(node, url, '--token', token, ...env);
  t.equal(first.err, '');
  t.equal(first.code, 0);
  t.match(first.out, 'egress-selector-mode', 'what will not work is said');
  t.match(nodes.get(node.name), /^[0-9a-f]{32}$/);
  const config: unknown = parse(readFileSync(join(node.directory, 'config.yaml'), 'utf8'));
  t.match(config, {
    clusterDNS: ['10.43.0.10', 'fd43::a'],
    clusterDomain: 'k3s.local',
    rotateCertificates: false,
    allowedUnsafeSysctls: ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'],
    nodelet: { proxy: { enabled: false } },
  });
  const serving = new X509Certificate(readFileSync(join(node.directory, 'serving.crt')));
  t.match(serving.subjectAltName, `DNS:${node.name}, DNS:localhost, IP Address:127.0.0.1`);
  // The client certificate is one that the cluster knows.
  const kubeconfig = readFileSync(node.kubeconfigPath, 'utf8').replace(url, server);
  writeFileSync(node.kubeconfigPath, kubeconfig);
  await cluster.sandbox.kubectl(['--kubeconfig', node.kubeconfigPath, 'get', 'nodes'], { signal });
  writeFileSync(node.kubeconfigPath, kubeconfig.replace(server, url));

  const again = await runJoin(node, url, '--token', password, '--k3s', ...env);
  t.equal(again.code, 0, 'a short token; said again it renews the certificates');
  const rows: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['half a token', [url, '--token', 'K10abc::x'], 2, /the token of k3s is not right/],
    ['a wrong password', [url, '--token', `K10${hash}::server:wrong`], 77, /does not accept the token/],
    [
      'another CA',
      [url, '--token', `K10${'0'.repeat(64)}::server:${password}`],
      77,
      /CA of .* is not the one/,
    ],
    ['another cluster', [server, '--token', password, '--k3s'], 78, /is a node of .*: `nodelet leave` first/],
  ];
  for (const [title, args, code, err] of rows) {
    const ran = await runJoin(node, ...args, ...env);
    t.equal(ran.code, code, title);
    t.match(ran.err, err, title);
  }
  const other = Object.assign(newNode(t), { name: node.name });
  const twin = await runJoin(
    other,
    url,
    '--token',
    token,
    '--k3s-password-file',
    join(other.directory, 'password'),
  );
  t.equal(twin.code, 77);
  const noK3s = await runJoin(other, server, '--token', password, '--k3s');
  t.equal(noK3s.code, 78);
  t.match(noK3s.err, /is no server of k3s/);
  const nobody = await runJoin(other, '127.0.0.1:9', '--token', token);
  t.equal(nobody.code, 69);
  t.match(twin.err, /refuses: unable to verify password .*; another machine has joined under this name/);
});
