import t from 'tap';
import { buildVolumeMetrics } from './build-volume-metrics.ts';

const fs = {
  capacityBytes: 100,
  availableBytes: 60,
  usedBytes: 30,
  inodes: 10,
  inodesFree: 4,
  inodesUsed: 6,
};

t.test('buildVolumeMetrics() counts a claim once, however many pods use it', async t => {
  const usage = { namespace: 'shop', claimName: 'data', fs };
  const families = buildVolumeMetrics([usage, usage, { ...usage, namespace: 'test' }]);
  const labels = (namespace: string): string => `{namespace="${namespace}",persistentvolumeclaim="data"}`;
  t.same(families.find(({ name }) => name === 'kubelet_volume_stats_used_bytes')?.samples, [
    `kubelet_volume_stats_used_bytes${labels('shop')} 30`,
    `kubelet_volume_stats_used_bytes${labels('test')} 30`,
  ]);
  t.equal(families.length, 6);
});

t.test('buildVolumeMetrics() is silent without claims', async t => {
  t.same(buildVolumeMetrics([]), []);
});
