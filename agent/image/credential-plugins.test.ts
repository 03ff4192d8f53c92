import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { InvalidError } from '../lib/errors.ts';
import { ifThere } from '../lib/if-there.ts';
import { createSilentLogger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { CredentialPlugins, parseCredentialProviders } from './credential-plugins.ts';

const API = 'credentialprovider.kubelet.k8s.io/v1';
const { signal } = new AbortController();

function config(more: object = {}): string {
  const provider = {
    name: 'plugin',
    matchImages: ['*.a.io'],
    defaultCacheDuration: '1m',
    apiVersion: API,
    ...more,
  };
  return JSON.stringify({ kind: 'CredentialProviderConfig', providers: [provider] });
}

/** A plugin that counts its runs and answers with what it was asked. */
async function install(directory: string, answer: object): Promise<void> {
  const text = `#!/bin/sh\ncat > "$0.request"\necho run >> "$0.runs"\necho '${JSON.stringify(answer)}'\n`;
  await writeFile(join(directory, 'plugin'), text);
  await chmod(join(directory, 'plugin'), 0o755);
}

async function untilWritten(path: string): Promise<number> {
  while (true) {
    const text = await ifThere(readFile(path, 'utf8'));
    if (text?.endsWith('\n')) return Number(text);
    await sleep(10, { signal });
  }
}

t.test('a plugin is asked once for what it may keep', async t => {
  const directory = t.testdir({ 'config.yaml': config() });
  const auth = { 'eu.a.io': { username: 'u', password: 'p' } };
  await install(directory, {
    kind: 'CredentialProviderResponse',
    apiVersion: API,
    cacheKeyType: 'Registry',
    cacheDuration: '5m',
    auth,
  });
  let nowMs = 0;
  const plugins = await CredentialPlugins.load(
    { credentialProviderConfig: join(directory, 'config.yaml'), credentialProviderBinDir: directory },
    { clock: { nowMs: () => nowMs }, logger: createSilentLogger() },
  );
  const expected = [{ registry: 'eu.a.io', username: 'u', password: 'p', source: { kind: 'node' } }];
  const runs = async (): Promise<number> =>
    (await readFile(join(directory, 'plugin.runs'), 'utf8')).split('\n').length - 1;
  const [one, other] = await Promise.all([
    plugins.find('eu.a.io/x', { signal }),
    plugins.find('eu.a.io/x', { signal }),
  ]);
  t.same(one, expected);
  t.same(other, expected);
  t.same(await plugins.find('eu.a.io/y', { signal }), expected);
  t.equal(await runs(), 1);
  t.same(JSON.parse(await readFile(join(directory, 'plugin.request'), 'utf8')), {
    kind: 'CredentialProviderRequest',
    apiVersion: API,
    image: 'eu.a.io/x',
  });
  nowMs = 5 * 60_000;
  await plugins.find('eu.a.io/x', { signal });
  t.equal(await runs(), 2, 'its time is over');
  t.same(await plugins.find('b.io/x', { signal }), [], 'not its registry');
});

t.test('a pod that is deleted does not wait for a plugin that hangs', { timeout: 10_000 }, async t => {
  const directory = t.testdir({ 'config.yaml': config() });
  const program = join(directory, 'plugin');
  await writeFile(program, '#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 60\n', { mode: 0o755 });
  const plugins = await CredentialPlugins.load(
    { credentialProviderConfig: join(directory, 'config.yaml'), credentialProviderBinDir: directory },
    { clock: { nowMs: () => 0 }, logger: createSilentLogger() },
  );
  const deletion = new AbortController();
  const found = plugins.find('eu.a.io/x', { signal: deletion.signal });
  deletion.abort();
  await t.rejects(found, { name: 'AbortError' });
  const pid = await untilWritten(`${program}.pid`);
  process.kill(pid);
});

t.test('a plugin that answers nonsense gives nothing', async t => {
  const directory = t.testdir({ 'config.yaml': config() });
  await install(directory, { apiVersion: 'v2', cacheKeyType: 'Image' });
  const plugins = await CredentialPlugins.load(
    { credentialProviderConfig: directory, credentialProviderBinDir: directory },
    { clock: { nowMs: () => 0 }, logger: createSilentLogger() },
  );
  t.same(await plugins.find('eu.a.io/x', { signal }), []);
});

t.test('what cannot work is refused at once', async t => {
  const table: readonly [string, string, RegExp][] = [
    ['another kind', '{"kind":"Pod"}', /expected kind CredentialProviderConfig, got Pod/],
    ['a path for a name', config({ name: '../sh' }), /is not the name of a program/],
    ['nothing to match', config({ matchImages: [] }), /no matchImages/],
    ['an unknown version', config({ apiVersion: 'v7' }), /apiVersion v7/],
    ['tokens', config({ tokenAttributes: {} }), /tokenAttributes/],
  ];
  for (const [name, text, message] of table)
    t.throws(() => parseCredentialProviders(text, 'f'), message, name);
  const directory = t.testdir({ 'config.yaml': config() });
  const load = CredentialPlugins.load(
    { credentialProviderConfig: join(directory, 'config.yaml'), credentialProviderBinDir: directory },
    { clock: { nowMs: () => 0 }, logger: createSilentLogger() },
  );
  await t.rejects(load, InvalidError, 'a program that is not there');
});
