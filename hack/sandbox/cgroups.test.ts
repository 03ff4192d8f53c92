import t from 'tap';
import { joinCgroupScript, parseCgroupMounts } from './cgroups.ts';

const LEGACY = `25 20 0:21 / /sys/fs/cgroup rw - tmpfs tmpfs rw
26 25 0:22 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
27 25 0:23 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset,clone_children
28 25 0:24 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
29 25 0:25 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;

void t.test('parseCgroupMounts() finds the options that mount a version 1 hierarchy again', async t => {
  t.strictSame(parseCgroupMounts(LEGACY), [
    { version: 1, mountPoint: '/sys/fs/cgroup/cpu,cpuacct', mountOptions: 'cpu,cpuacct' },
    { version: 1, mountPoint: '/sys/fs/cgroup/cpuset', mountOptions: 'cpuset' },
    { version: 1, mountPoint: '/sys/fs/cgroup/systemd', mountOptions: 'none,name=systemd' },
    { version: 2, mountPoint: '/sys/fs/cgroup/unified', mountOptions: '' },
  ]);
});

void t.test('joinCgroupScript() joins the cgroup itself while version 1 has the controllers', async t => {
  const [first] = joinCgroupScript('nodelet/dev/node-1', parseCgroupMounts(LEGACY)).split(' && ');
  t.equal(first, 'echo 0 > /sys/fs/cgroup/cpu,cpuacct/nodelet/dev/node-1/cgroup.procs');
});

void t.test('joinCgroupScript() joins a leaf where version 2 has the controllers', async t => {
  const unified = parseCgroupMounts('26 25 0:22 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw');
  t.equal(
    joinCgroupScript('nodelet/dev/node-1', unified),
    'echo 0 > /sys/fs/cgroup/nodelet/dev/node-1/system/cgroup.procs',
  );
});
