import t from 'tap';
import { parseDockerConfig, parseDockerConfigJson } from './docker-config.ts';
import { findCredentials, matchesRegistry } from './keyring.ts';

const source = { kind: 'node' } as const;
const entry = (registry: string) => ({ registry, username: registry, password: 'p', source });

t.test('matchesRegistry()', async t => {
  const table: readonly [string, string, boolean][] = [
    ['registry.io', 'registry.io/team/app', true],
    ['registry.io/team', 'registry.io/team/app', true],
    ['registry.io/team', 'registry.io/other/app', false],
    ['*.registry.io', 'eu.registry.io/app', true],
    ['*.registry.io', 'registry.io/app', false],
    ['*.io', 'eu.registry.io/app', false],
    ['registry.io:5000', 'registry.io:5000/app', true],
    ['registry.io', 'registry.io:5000/app', false],
    ['reg*[a-c]?.io', 'registryb1.io/app', true],
    ['[.io', 'x.io/app', false],
  ];
  for (const [pattern, repository, expected] of table) {
    t.equal(matchesRegistry(pattern, repository), expected, `${pattern} and ${repository}`);
  }
});

t.test('findCredentials()', async t => {
  const names = (registries: readonly string[], repository: string) =>
    findCredentials(registries.map(entry), repository).map(({ username }) => username);
  t.same(
    names(['a.io', 'a.io/team', '*.io'], 'a.io/team/app'),
    ['a.io/team', 'a.io', '*.io'],
    'the longer name first',
  );
  t.same(names(['https://a.io/v2/', 'http://a.io/v1/team'], 'a.io/team/app'), [
    'http://a.io/v1/team',
    'https://a.io/v2/',
  ]);
  t.same(names(['https://index.docker.io/v1/'], 'docker.io/library/busybox'), [
    'https://index.docker.io/v1/',
  ]);
  t.same(names(['https://index.docker.io/v1/'], 'a.io/app'), []);
  t.same(names(['a.io', 'a.io'], 'a.io/app'), ['a.io', 'a.io'], 'each of several is tried');
});

t.test('parseDockerConfigJson() and parseDockerConfig()', async t => {
  const auth = Buffer.from('user:pass:word').toString('base64').replaceAll('=', '');
  const entries = [
    { registry: 'a.io', username: 'user', password: 'pass:word', source },
    { registry: 'b.io', username: 'u', password: 'p', source },
  ];
  const auths = {
    'a.io': { auth, username: 'ignored' },
    'b.io': { username: 'u', password: 'p', email: 'e' },
  };
  t.same(parseDockerConfigJson(JSON.stringify({ auths }), source), { kind: 'parsed', entries });
  t.same(parseDockerConfig(JSON.stringify(auths), source), { kind: 'parsed', entries });
  t.same(parseDockerConfigJson('{"credHelpers":{}}', source), { kind: 'parsed', entries: [] });
  t.same(parseDockerConfigJson('[]', source), { kind: 'invalid', problem: 'not a JSON object' });
  t.match(parseDockerConfigJson('{"auths":{"a.io":{"auth":"bm9jb2xvbg=="}}}', source), {
    kind: 'invalid',
    problem: /a\.io/,
  });
});
