import t from 'tap';
import { stringify } from 'yaml';
import { InvalidError } from '../lib/errors.ts';
import { parseKubeconfig, readKubeconfig } from './kubeconfig.ts';

const PATH = '/etc/nodelet/kubeconfig';

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly root?: object;
}

function kubeconfig({ cluster = {}, user = {}, root = {} }: Parts): string {
  return stringify({
    'current-context': 'main',
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443/', ...cluster } }],
    users: [{ name: 'u', user }],
    ...root,
  });
}

const PEM = '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n';

void t.test('parseKubeconfig() takes files relative to the kubeconfig, and data before files', async t => {
  const user = {
    'client-certificate': 'pki/me.crt',
    'client-key': '/keys/me.key',
    'client-certificate-data': '',
    tokenFile: 'token',
    token: 'static',
  };
  const data = Buffer.from(PEM).toString('base64');
  const cluster = { 'certificate-authority': 'ca.crt', 'certificate-authority-data': data };
  const parsed = parseKubeconfig(kubeconfig({ cluster, user }), PATH);
  t.equal(parsed.cluster.server, 'https://10.0.0.1:6443');
  t.strictSame(parsed.cluster.ca, { kind: 'data', content: PEM });
  t.strictSame(parsed.user.clientCertificate, { kind: 'file', path: '/etc/nodelet/pki/me.crt' });
  t.strictSame(parsed.user.clientKey, { kind: 'file', path: '/keys/me.key' });
  t.strictSame(parsed.user.token, { kind: 'file', path: '/etc/nodelet/token' });
});

void t.test('parseKubeconfig() reads a credential plugin; a bare command is left to PATH', async t => {
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: './bin/login',
    args: ['--quiet'],
    env: [{ name: 'A', value: 'b' }],
    interactiveMode: 'IfAvailable',
  };
  const { user } = parseKubeconfig(kubeconfig({ user: { exec } }), PATH);
  t.match(user.exec, { command: '/etc/nodelet/bin/login', args: ['--quiet'], env: { A: 'b' } });
  const bare = parseKubeconfig(kubeconfig({ user: { exec: { ...exec, command: 'login' } } }), PATH);
  t.equal(bare.user.exec?.command, 'login');
});

void t.test('parseKubeconfig() takes the context that is asked for', async t => {
  const contexts = [{ name: 'other', context: { cluster: 'c' } }];
  t.equal(parseKubeconfig(kubeconfig({ root: { contexts } }), PATH, 'other').user.token, undefined);
});

const faults: readonly [string, Parts | string, RegExp][] = [
  ['bad YAML', 'a: [', /not valid YAML/],
  ['an empty file', '', /empty/],
  ['no current context', { root: { 'current-context': '' } }, /current-context is not set/],
  ['an unknown context', { root: { 'current-context': 'x' } }, /no context "x"/],
  ['an unknown cluster', { root: { clusters: [] } }, /no cluster "c"/],
  ['an unknown user', { root: { users: [] } }, /no user "u"/],
  ['no server', { cluster: { server: '' } }, /cluster.server is not set/],
  ['a server that is no URL', { cluster: { server: '10.0.0.1:6443' } }, /not an http\(s\) URL/],
  ['a proxy', { cluster: { 'proxy-url': 'http://p' } }, /proxy-url is not supported/],
  ['CA data that is no PEM', { cluster: { 'certificate-authority-data': 'eHh4' } }, /not base64 of PEM/],
  [
    'a CA and no verification',
    { cluster: { 'certificate-authority': 'ca', 'insecure-skip-tls-verify': true } },
    /exclude each other/,
  ],
  ['a certificate without key', { user: { 'client-certificate': 'a' } }, /client-key is not/],
  ['a key without certificate', { user: { 'client-key': 'a' } }, /client-certificate is not/],
  ['impersonation', { user: { as: 'root' } }, /impersonation/],
  ['an auth provider', { user: { 'auth-provider': { name: 'gcp' } } }, /no longer supported/],
  ['an old plugin', { user: { exec: { apiVersion: 'x/v1alpha1', command: 'a' } } }, /not supported/],
  [
    'a plugin that must ask',
    {
      user: {
        exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'a', interactiveMode: 'Always' },
      },
    },
    /cannot ask anybody/,
  ],
];

for (const [name, parts, message] of faults) {
  void t.test(`parseKubeconfig() refuses ${name} in one line`, async t => {
    const text = typeof parts === 'string' ? parts : kubeconfig(parts);
    try {
      parseKubeconfig(text, PATH);
      t.fail('accepted');
    } catch (error) {
      t.ok(error instanceof InvalidError);
      t.match(error, { message });
      t.match(error, { message: /^kubeconfig \/etc\/nodelet\/kubeconfig: [^\n]+$/ });
    }
  });
}

void t.test('readKubeconfig() says what to do when the file is missing', async t => {
  await t.rejects(readKubeconfig('/nonexistent/kubeconfig'), {
    name: 'InvalidError',
    message:
      'kubeconfig /nonexistent/kubeconfig does not exist: join the cluster first, or name another file',
  });
});
