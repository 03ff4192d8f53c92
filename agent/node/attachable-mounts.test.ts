import t from 'tap';
import { findVolumesInUse, hasAttachableMounts } from './attachable-mounts.ts';

t.test('hasAttachableMounts() sees what a kubelet left mounted for a driver', async t => {
  const cases: Record<string, boolean> = {
    '/': false,
    '/var/lib/kubelet': false,
    '/var/lib/kubelet/pods/1/volumes/kubernetes.io~secret/token': false,
    '/var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/data/mount': true,
    '/var/lib/kubelet/plugins/kubernetes.io/csi/driver/0a1b/globalmount': true,
    '/srv/plugins/kubernetes.io/csi/driver/0a1b/globalmount': false,
  };
  for (const [target, expected] of Object.entries(cases)) {
    t.equal(hasAttachableMounts([{ target }], { rootDir: '/var/lib/kubelet' }), expected, target);
  }
});

t.test('findVolumesInUse() keeps nothing of a kubelet that has left no mount', async t => {
  t.strictSame(findVolumesInUse(['kubernetes.io/csi/driver^volume'], { rootDir: '/no/such/place' }), []);
});
