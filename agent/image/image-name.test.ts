import t from 'tap';
import { nameWithoutVersion, parseImageName, repositoryOf } from './image-name.ts';

t.test('parseImageName() accepts what registries accept and adds the default tag', async t => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const rows = [
    ['busybox', 'busybox:latest'],
    ['busybox:1.36', 'busybox:1.36'],
    ['localhost:5000/team/web', 'localhost:5000/team/web:latest'],
    [`example.com/a/b_c@${digest}`, `example.com/a/b_c@${digest}`],
    ['[::1]:5000/x:y', '[::1]:5000/x:y'],
  ] as const;
  for (const [image, reference] of rows) t.strictSame(parseImageName(image), { kind: 'ok', reference });
});

t.test('parseImageName() refuses the rest', async t => {
  for (const image of ['', 'UPPER', 'a b', 'x:', 'a//b', 'x@sha256:12', '-x']) {
    t.equal(parseImageName(image).kind, 'invalid', image);
  }
});

t.test('parseImageName() names the part that must not have capitals', async t => {
  const rows = { UPPER: 'library/UPPER', 'team/Web:1': 'team/Web', 'Not A/Valid:Name': 'Valid' };
  for (const [image, repository] of Object.entries(rows)) {
    const problem = `invalid reference format: repository name (${repository}) must be lowercase`;
    const message = `couldn't parse image name "${image}": ${problem}`;
    t.strictSame(parseImageName(image), { kind: 'invalid', message });
  }
});

t.test('repositoryOf() and nameWithoutVersion()', async t => {
  const table: readonly [string, string, string][] = [
    ['busybox', 'busybox', 'docker.io/library/busybox'],
    ['team/app:1.0', 'team/app', 'docker.io/team/app'],
    ['localhost/app:1', 'localhost/app', 'localhost/app'],
    ['a.io:5000/app', 'a.io:5000/app', 'a.io:5000/app'],
    ['a.io:5000/app:2@sha256:00', 'a.io:5000/app', 'a.io:5000/app'],
  ];
  for (const [image, name, repository] of table) {
    t.equal(nameWithoutVersion(image), name);
    t.equal(repositoryOf(image), repository);
  }
});
