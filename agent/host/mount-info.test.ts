import t from 'tap';
import { findMountOf, parseMountInfo } from './mount-info.ts';

const TEXT = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
40 31 0:37 /sandbox/a /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
90 27 0:55 / /var/lib/with\\040blank\\134slash rw - tmpfs tmpfs rw,size=4k
91 90 0:56 / /var/lib/with\\040blank\\134slash ro - tmpfs  rw
`;

t.test('parseMountInfo() reads optional fields, escapes and an empty source', async t => {
  const mounts = parseMountInfo(TEXT);
  t.equal(mounts.length, 5);
  t.match(mounts[1], {
    target: '/',
    propagation: ['shared:1', 'master:2'],
    fsType: 'ext4',
    source: '/dev/vda',
  });
  t.match(mounts[2], { root: '/sandbox/a', superOptions: ['rw', 'name=systemd'] });
  t.equal(mounts[3]?.target, '/var/lib/with blank\\slash');
  t.match(mounts[4], { source: '', superOptions: ['rw'] });
});

t.test('parseMountInfo() skips what it cannot read', async t => {
  t.same(parseMountInfo('\n12 13 0:1\n1 2 3:4 / /x rw shared:1 ext4 /dev/sda rw\n'), []);
});

t.test('findMountOf() takes the deepest mount, and the last one of a stack', async t => {
  const mounts = parseMountInfo(TEXT);
  t.equal(findMountOf('/var/lib/with blank\\slash/x', mounts)?.mountId, 91);
  t.equal(findMountOf('/var/lib/with blank\\slashes', mounts)?.mountId, 27);
  t.equal(findMountOf('/proc', mounts)?.mountId, 22);
});
