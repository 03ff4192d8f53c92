import t from 'tap';
import { buildCgroupLayout, cgroupDirectory } from './cgroup-layout.ts';
import { parseMountInfo } from './mount-info.ts';

const V1 = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
`;
const V2 = '41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n';

function layoutOf(text: string) {
  return buildCgroupLayout(parseMountInfo(text));
}

t.test('buildCgroupLayout() tells v1, hybrid and v2 apart', async t => {
  t.equal(layoutOf(V1)?.mode, 'v1');
  t.equal(layoutOf(V1 + V2.replace('/sys/fs/cgroup', '/sys/fs/cgroup/unified'))?.mode, 'hybrid');
  t.equal(layoutOf(V2)?.mode, 'v2');
  t.equal(layoutOf('1 2 3:4 / / rw - ext4 /dev/sda rw\n'), undefined);
});

t.test('buildCgroupLayout() finds co-mounted and named controllers', async t => {
  const controllers = layoutOf(V1)?.controllers;
  t.same([...(controllers?.keys() ?? [])], ['cpu', 'cpuacct', 'memory', 'name=systemd']);
  t.equal(controllers?.get('cpuacct')?.directory, '/sys/fs/cgroup/cpu,cpuacct');
});

t.test('buildCgroupLayout() prefers the usual place and sees only the topmost mount', async t => {
  const elsewhere = '90 27 0:32 /a /mnt/memory rw - cgroup cgroup rw,memory\n';
  const onTop = '91 35 0:32 /sandbox /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n';
  t.match(layoutOf(elsewhere + V1 + onTop)?.controllers.get('memory'), {
    directory: '/sys/fs/cgroup/memory',
    root: '/sandbox',
  });
});

t.test('buildCgroupLayout() does not see what a later mount above covers', async t => {
  const sys = '95 23 0:40 / /sys ro - sysfs sysfs rw\n';
  t.equal(layoutOf(V1 + sys), undefined);
  t.equal(layoutOf(V1 + sys + V2)?.mode, 'v2');
});

t.test('cgroup paths count from the root of the mount', async t => {
  const whole = { directory: '/sys/fs/cgroup/memory', root: '/' };
  const part = { directory: '/sys/fs/cgroup/memory', root: '/sandbox' };
  t.equal(cgroupDirectory(part, '/kubepods/pod1'), '/sys/fs/cgroup/memory/kubepods/pod1');
  t.equal(cgroupDirectory(whole, '/'), '/sys/fs/cgroup/memory');
});
