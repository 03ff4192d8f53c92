import { existsSync, statfsSync } from 'node:fs';
import { type Check, fail, ok } from './finding.ts';
import { listNames, readText } from './look.ts';

const CGROUP2_MAGIC = 0x63677270; // statfs(2)
const NEEDED = ['cpu', 'memory', 'pids'];
const BOOT_FLAG = 'add cgroup_enable=memory to the kernel command line and reboot';

export const cgroups: Check = {
  name: 'cgroups',
  run: ({ config }) => {
    const isUnified = isCgroup2('/sys/fs/cgroup');
    const controllers = isUnified
      ? (readText('/sys/fs/cgroup/cgroup.controllers') ?? '').split(' ')
      : listNames('/sys/fs/cgroup').filter(name => existsSync(`/sys/fs/cgroup/${name}/tasks`));
    if (controllers.filter(Boolean).length === 0) {
      return [fail('no cgroup file system is mounted', 'mount -t cgroup2 none /sys/fs/cgroup')];
    }
    const missing = NEEDED.filter(name => !controllers.includes(name));
    if (missing.length > 0) return [fail(`the kernel offers no ${missing.join(', ')} controller`, BOOT_FLAG)];
    if (!isUnified && config.runtime.failCgroupV1) {
      const message = 'cgroup version 1, which Kubernetes no longer runs on unless it is told to';
      return [fail(message, 'boot with systemd.unified_cgroup_hierarchy=1, or set failCgroupV1: false')];
    }
    return [ok(`version ${isUnified ? 2 : 1}`)];
  },
};

function isCgroup2(path: string): boolean {
  try {
    return statfsSync(path).type === CGROUP2_MAGIC;
  } catch {
    return false;
  }
}
