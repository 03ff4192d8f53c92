import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Check, fail, ok, type Remark, warn } from './finding.ts';
import { readText } from './look.ts';

// The kubelet's hard eviction thresholds: a node that is fuller than that has no room for a burst of logs or images.
const LEAST_BYTES_SHARE = 0.1;
const LEAST_INODES_SHARE = 0.05;
const COMFORTABLE_SHARE = 0.2;
const FREE_SPACE = 'crictl rmi --prune; journalctl --vacuum-size=200M; or give it a larger disk';

export const disk: Check = {
  name: 'disk',
  run: ({ config }) => {
    const paths = [config.pods.rootDir, '/var/lib/containerd', config.pods.podLogsDir].map(nearest);
    return [...new Set(paths)].map(look);
  },
};

function look(path: string): Remark {
  const { blocks, bavail, files, ffree, bsize } = statfsSync(path);
  const bytesShare = bavail / blocks;
  const gigabytes = ((bavail * bsize) / 1024 ** 3).toFixed(1);
  const options = mountOptions(path);
  if (options.includes('ro')) return fail(`${path} is mounted read-only`, `mount -o remount,rw ${path}`);
  if (bytesShare < LEAST_BYTES_SHARE) {
    return fail(
      `${path} has ${gigabytes} GiB left, under 10 %: soon no image can be pulled and nothing be written`,
      FREE_SPACE,
    );
  }
  // btrfs and some others count no inodes.
  if (files > 0 && ffree / files < LEAST_INODES_SHARE) {
    return fail(`${path} has under 5 % of its inodes left: soon no file can be made`, FREE_SPACE);
  }
  if (bytesShare < COMFORTABLE_SHARE)
    return warn(`${path} has ${gigabytes} GiB left, under 20 %`, FREE_SPACE);
  return ok(`${path}: ${gigabytes} GiB left`);
}

/** The path, or what will hold it once it is made. */
function nearest(path: string): string {
  return existsSync(path) || path === '/' ? path : nearest(dirname(path));
}

function mountOptions(path: string): readonly string[] {
  const mounts = (readText('/proc/self/mounts') ?? '').split('\n').map(line => line.split(' '));
  const holds = mounts.filter(([, at = '']) => at === '/' || path === at || path.startsWith(`${at}/`));
  const nearestMount = holds.reduceRight<readonly string[] | undefined>(
    (best, mount) => ((mount[1]?.length ?? 0) > (best?.[1]?.length ?? 0) ? mount : best),
    undefined,
  );
  return nearestMount?.[3]?.split(',') ?? [];
}
