import t from 'tap';
import { parseImageName } from './image-name.ts';

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
