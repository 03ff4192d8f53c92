import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import t from 'tap';
import { stringify } from 'yaml';
import { type DiscoveryRequest, verifyClusterInfo } from './cluster-info.ts';
import { parseBootstrapToken, parseCaPin, pinsOf } from './join-token.ts';

const args = [
  'req',
  '-x509',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  '/dev/null',
];
const ca = execFileSync('openssl', [...args, '-subj', '/CN=kubernetes'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
});
const server = 'https://10.0.0.1:6443';
const kubeconfig = stringify({
  clusters: [
    { name: '', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
  ],
  contexts: null,
  'current-context': '',
});
const token = parseBootstrapToken('abcdef.0123456789abcdef');

function sign(content: string, secret: string, fields: object = { alg: 'HS256', kid: token.id }): string {
  const header = Buffer.from(JSON.stringify(fields)).toString('base64url');
  const payload = Buffer.from(content).toString('base64url');
  const signature = createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url');
  return `${header}..${signature}`;
}

const base: DiscoveryRequest = { server, token, caPins: pinsOf(ca) };
const data = { kubeconfig, 'jws-kubeconfig-abcdef': sign(kubeconfig, token.secret) };

t.test('verifyClusterInfo() believes what the token signed and the pin names', async t => {
  t.strictSame(verifyClusterInfo(data, base).ca, { kind: 'data', content: ca });
  t.equal(verifyClusterInfo(data, { ...base, caPins: [] }).server, server);
});

const WRONG: readonly (readonly [string, Record<string, string>, Partial<DiscoveryRequest>, RegExp])[] = [
  ['no cluster-info', {}, {}, /no cluster of kubeadm/],
  ['a token that is not known', { kubeconfig }, {}, /does not know the token abcdef: expired/],
  [
    'a wrong secret',
    { kubeconfig, 'jws-kubeconfig-abcdef': sign(kubeconfig, 'other') },
    {},
    /second part of the token/,
  ],
  ['a changed kubeconfig', { ...data, kubeconfig: `${kubeconfig}# x` }, {}, /second part of the token/],
  [
    'a signature without an algorithm',
    { kubeconfig, 'jws-kubeconfig-abcdef': sign(kubeconfig, token.secret, { alg: 'none', kid: token.id }) },
    {},
    /second part of the token/,
  ],
  ['no signature', { kubeconfig, 'jws-kubeconfig-abcdef': 'x' }, {}, /second part of the token/],
  ['another CA', data, { caPins: ['0'.repeat(64)] }, /which is not the hash that was given/],
];

t.test('verifyClusterInfo() refuses', async t => {
  for (const [title, changed, request, message] of WRONG) {
    t.throws(() => verifyClusterInfo(changed, { ...base, ...request }), { message }, title);
  }
});

t.test('tokens and pins that cannot be right are told before anybody is asked', async t => {
  for (const text of ['', 'abcdef', 'ABCDEF.0123456789abcdef', 'abcdef.0123456789abcde']) {
    t.throws(() => parseBootstrapToken(text), { message: /expected 6 and 16 characters/ }, text);
  }
  t.throws(() => parseBootstrapToken(`K10${'0'.repeat(64)}::server:x`), { message: /it is one of k3s/ });
  t.throws(() => parseCaPin('sha256:12'), { message: /64 hexadecimal digits/ });
  t.equal(parseCaPin(`sha256:${'AB'.repeat(32)}`), 'ab'.repeat(32));
});
