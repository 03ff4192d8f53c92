import t from 'tap';
import type { Container, PodSpec } from '../api/objects.ts';
import { buildTmpfsSize } from './build-tmpfs-size.ts';

function specWith(...memoryLimits: readonly (string | undefined)[]): PodSpec {
  const containers = memoryLimits.map(
    (memory, index): Container => ({
      name: `c${index}`,
      image: 'i',
      resources: memory === undefined ? {} : { limits: { memory } },
    }),
  );
  return { containers };
}

t.test('buildTmpfsSize() is the smallest limit that is set', async t => {
  const node = { memory: '8Ki' };
  t.equal(buildTmpfsSize(specWith(undefined), node, undefined), 8192);
  t.equal(buildTmpfsSize(specWith('1Ki', '2Ki'), node, undefined), 3072);
  t.equal(buildTmpfsSize(specWith('1Ki', undefined), node, undefined), 8192, 'one container without a limit');
  t.equal(buildTmpfsSize(specWith('1Ki'), node, '512'), 512);
  t.equal(buildTmpfsSize(specWith('1Ki'), node, '0'), 1024);
  t.equal(buildTmpfsSize(specWith(undefined), {}, undefined), undefined);
});
