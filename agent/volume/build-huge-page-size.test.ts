import t from 'tap';
import { buildHugePageSize } from './build-huge-page-size.ts';

t.test('buildHugePageSize()', async t => {
  const spec = (...sizes: string[]) => ({
    containers: sizes.map(size => ({
      name: size,
      image: 'x',
      resources: { requests: { [`hugepages-${size}`]: '4Mi', cpu: '1' } },
    })),
  });
  const size = (pageBytes: number) => ({ kind: 'size', pageBytes });
  t.same(buildHugePageSize(spec('2Mi'), 'HugePages'), size(2 ** 21));
  t.same(buildHugePageSize(spec('2Mi', '1Gi'), 'HugePages-1Gi'), size(2 ** 30));
  t.match(buildHugePageSize(spec('2Mi', '1Gi'), 'HugePages'), {
    kind: 'failed',
    problem: /multiple huge page sizes/,
  });
  t.match(buildHugePageSize(spec('2Mi'), 'HugePages-1Gi'), {
    kind: 'failed',
    problem: /no resource request/,
  });
  t.match(buildHugePageSize(spec(), 'HugePages'), { kind: 'failed', problem: /no resource request/ });
});
