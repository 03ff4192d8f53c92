import t from 'tap';
import {
  buildCgroupPath,
  type CgroupPathRequest,
  cpuSharesFromWeight,
  cpuWeightFromShares,
  hugepageSizeName,
  parsePodUID,
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
    t.equal(parsePodUID(path), request.podUID);
  }
});

t.test('parsePodUID() knows pod cgroups from others', async t => {
  t.equal(parsePodUID('/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-poda_b.slice'), 'a-b');
  t.equal(parsePodUID('/system.slice/podman.slice'), undefined);
  t.equal(parsePodUID('/kubepods/burstable'), undefined);
});

t.test('CPU shares and weights map at both ends of their ranges', async t => {
  t.same([0, 2, 1024, 262_144, 999_999].map(cpuWeightFromShares), [1, 1, 39, 10_000, 10_000]);
  t.same([1, 39, 10_000].map(cpuSharesFromWeight), [2, 998, 262_144]);
});

t.test('hugepageSizeName() writes sizes as the kernel names the files', async t => {
  t.same([64 * 2 ** 10, 2 * 2 ** 20, 2 ** 30, 512 * 2 ** 20].map(hugepageSizeName), [
    '64KB',
    '2MB',
    '1GB',
    '512MB',
  ]);
});
