import t from 'tap';
import {
  buildCgroupPath,
  type CgroupPathRequest,
  cpuWeightFromShares,
  hugepageSizeName,
} from './cgroup-names.ts';

const podUID = '6fa1-22';

t.test('buildCgroupPath() names cgroups as the kubelet does', async t => {
  const table: readonly (readonly [CgroupPathRequest, string])[] = [
    [{ driver: 'cgroupfs' }, '/kubepods'],
    [{ driver: 'cgroupfs', cgroupRoot: '/a/b', qosClass: 'Burstable' }, '/a/b/kubepods/burstable'],
    [{ driver: 'cgroupfs', qosClass: 'Guaranteed', podUID }, '/kubepods/pod6fa1-22'],
    [{ driver: 'cgroupfs', qosClass: 'BestEffort', podUID }, '/kubepods/besteffort/pod6fa1-22'],
    [{ driver: 'systemd' }, '/kubepods.slice'],
    [{ driver: 'systemd', qosClass: 'Guaranteed', podUID }, '/kubepods.slice/kubepods-pod6fa1_22.slice'],
    [
      { driver: 'systemd', qosClass: 'Burstable', podUID },
      '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod6fa1_22.slice',
    ],
    [
      { driver: 'systemd', cgroupRoot: '/kubelet', qosClass: 'BestEffort' },
      '/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice',
    ],
  ];
  for (const [request, path] of table) {
    t.equal(buildCgroupPath(request), path);
  }
});

t.test('cpuWeightFromShares() maps both ends of the range', async t => {
  t.same([0, 2, 1024, 262_144, 999_999].map(cpuWeightFromShares), [1, 1, 39, 10_000, 10_000]);
});

t.test('hugepageSizeName() writes sizes as the kernel names the files', async t => {
  t.same([64 * 2 ** 10, 2 * 2 ** 20, 2 ** 30, 512 * 2 ** 20].map(hugepageSizeName), [
    '64KB',
    '2MB',
    '1GB',
    '512MB',
  ]);
});
