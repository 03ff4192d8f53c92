import t from 'tap';
import {
  buildSetArguments,
  buildSliceProperties,
  buildStartArguments,
  withWholePercents,
} from './systemd-slice.ts';

t.test('buildSliceProperties() speaks of CPU time per second, and of each version in its words', async t => {
  const limits = { cpuShares: 1024, cpuQuotaUs: 50_000, memoryLimitBytes: 1 << 20, pidsMax: 'max' } as const;
  t.same(buildSliceProperties(2, limits), [
    ['CPUWeight', 't', '39'],
    ['CPUQuotaPerSecUSec', 't', '500000'],
    ['CPUQuotaPeriodUSec', 't', '100000'],
    ['MemoryMax', 't', '1048576'],
    ['TasksMax', 't', '18446744073709551615'],
  ]);
  t.match(
    buildSliceProperties(1, limits).map(([name]) => name),
    { 0: 'CPUShares', 3: 'MemoryLimit' },
  );
  t.same(buildSliceProperties(2, {}), []);
});

t.test('calls carry as many properties as they say', async t => {
  const properties = buildSliceProperties(2, { cpuShares: 2 });
  const start = buildStartArguments('kubepods.slice', properties);
  t.same(start.slice(5, 9), ['ssa(sv)a(sa(sv))', 'kubepods.slice', 'replace', '7']);
  t.equal(start.length, 9 + 7 * 3 + 1);
  t.same(buildSetArguments('kubepods.slice', properties).slice(5), [
    'sba(sv)',
    'kubepods.slice',
    'true',
    '1',
    'CPUWeight',
    't',
    '1',
  ]);
});

t.test('withWholePercents() never gives a pod less than it asked for', async t => {
  const cases = [
    [{ cpuQuotaUs: 33_300 }, 34_000],
    [{ cpuQuotaUs: 1000 }, 1000],
    [{ cpuQuotaUs: 1001 }, 2000],
    [{ cpuQuotaUs: 50_000 }, 50_000],
    [{ cpuQuotaUs: 3330, cpuPeriodUs: 10_000 }, 3400],
    [{ cpuQuotaUs: 'max' }, 'max'],
    [{}, undefined],
  ] as const;
  for (const [limits, quota] of cases) t.equal(withWholePercents(limits).cpuQuotaUs, quota);
  t.match(withWholePercents({ cpuQuotaUs: 1001, pidsMax: 7 }), { pidsMax: 7 });
});
