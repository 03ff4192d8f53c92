import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createSilentLogger } from '../lib/logger.ts';
import { Credentials } from './credentials.ts';
import { parseKubeconfig } from './kubeconfig.ts';

const { signal } = new AbortController();
const options = { logger: createSilentLogger(), signal };

function load(directory: string, cluster: object, user: object): Promise<Credentials> {
  const config = {
    'current-context': 'x',
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://a', ...cluster } }],
    users: [{ name: 'u', user }],
  };
  return Credentials.load(parseKubeconfig(JSON.stringify(config), join(directory, 'kubeconfig')), options);
}

const rows: readonly [string, object, object, RegExp][] = [
  [
    'a missing CA file',
    { 'certificate-authority': 'none' },
    {},
    /certificate-authority cannot be read: ENOENT/,
  ],
  ['a CA file without PEM', { 'certificate-authority': 'text' }, {}, /certificate-authority holds no PEM/],
  [
    'a broken CA',
    { 'certificate-authority': 'broken' },
    {},
    /certificate-authority holds a broken certificate/,
  ],
  [
    'a broken client certificate',
    {},
    { 'client-certificate': 'broken', 'client-key': 'text' },
    /client-certificate holds a broken/,
  ],
  ['an empty token file', {}, { tokenFile: 'empty' }, /the token is empty/],
];

for (const [name, cluster, user, message] of rows) {
  void t.test(`Credentials.load() refuses ${name}`, async t => {
    const directory = t.testdir({
      text: 'hello',
      empty: '\n',
      broken: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    });
    await t.rejects(load(directory, cluster, user), { name: 'InvalidError', message });
  });
}

void t.test('headers() carries the token; refresh() reads the file again', async t => {
  const directory = t.testdir({ token: 'one\n' });
  const credentials = await load(directory, {}, { tokenFile: 'token', token: 'static' });
  t.strictSame(await credentials.headers({ signal }), { authorization: 'Bearer one' });
  t.equal(await credentials.refresh({ signal }), false);
  writeFileSync(join(directory, 'token'), 'three');
  t.equal(await credentials.refresh({ signal }), true);
  t.strictSame(await credentials.headers({ signal }), { authorization: 'Bearer three' });
});

void t.test('headers() of a user without secrets are empty', async t => {
  const credentials = await load(t.testdir({}), {}, {});
  t.strictSame(await credentials.headers({ signal }), {});
  t.match(credentials.explainRejection(0), 'no credentials');
});

void t.test('headers() of a name and password', async t => {
  const credentials = await load(t.testdir({}), {}, { username: 'me', password: 'pw' });
  t.strictSame(await credentials.headers({ signal }), { authorization: 'Basic bWU6cHc=' });
});
