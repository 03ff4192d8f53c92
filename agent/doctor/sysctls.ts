import { type Check, fail, ok, type Remark, warn } from './finding.ts';
import { readNumber } from './look.ts';

interface Wanted {
  readonly name: string;
  readonly atLeast: number;
  readonly why: string;
  readonly severity: 'warn' | 'fail';
}

// One instance per pod that watches files, and per kubectl logs -f.
const INOTIFY_INSTANCES = 512;
const INOTIFY_WATCHES = 65_536;
const CONNTRACK_ENTRIES = 65_536;
const CONNTRACK_FULL_SHARE = 0.9;

const WANTED: readonly Wanted[] = [
  {
    name: 'net.ipv4.ip_forward',
    atLeast: 1,
    why: 'packets of pods go nowhere',
    severity: 'fail',
  },
  {
    name: 'net.bridge.bridge-nf-call-iptables',
    atLeast: 1,
    why: 'Services do not work between pods of one node',
    severity: 'fail',
  },
  {
    name: 'kernel.pid_max',
    atLeast: 32_768,
    why: 'pods run out of process ids early',
    severity: 'warn',
  },
];

export const sysctls: Check = {
  name: 'sysctl',
  run: () => {
    const remarks = WANTED.flatMap((wanted): Remark[] => {
      const value = readSysctl(wanted.name);
      // A switch of a module that is not loaded; nodelet loads it and sets it.
      if (value === undefined || value >= wanted.atLeast) return [];
      const say = wanted.severity === 'fail' ? fail : warn;
      return [say(`${wanted.name} is ${value}: ${wanted.why}`, `sysctl -w ${wanted.name}=${wanted.atLeast}`)];
    });
    return remarks.length > 0 ? remarks : [ok('forwarding is on')];
  },
};

export const inotify: Check = {
  name: 'inotify',
  run: () => {
    const limits = [
      ['fs.inotify.max_user_instances', INOTIFY_INSTANCES],
      ['fs.inotify.max_user_watches', INOTIFY_WATCHES],
    ] as const;
    const remarks = limits.flatMap(([name, wanted]) => {
      const value = readSysctl(name) ?? wanted;
      if (value >= wanted) return [];
      const why = 'programs in many pods fail with "too many open files"';
      return [warn(`${name} is ${value}: ${why}`, `sysctl -w ${name}=${wanted}`)];
    });
    return remarks.length > 0 ? remarks : [ok('limits are high enough')];
  },
};

export const conntrack: Check = {
  name: 'conntrack',
  run: () => {
    const max = readSysctl('net.netfilter.nf_conntrack_max');
    const count = readSysctl('net.netfilter.nf_conntrack_count');
    if (max === undefined || count === undefined) return [ok('not in use yet')];
    const mend = `sysctl -w net.netfilter.nf_conntrack_max=${Math.max(CONNTRACK_ENTRIES, max * 2)}`;
    if (count > max * CONNTRACK_FULL_SHARE) {
      return [fail(`${count} of ${max} connections are tracked: new ones are dropped`, mend)];
    }
    if (max < CONNTRACK_ENTRIES) return [warn(`room for ${max} connections is little for a node`, mend)];
    return [ok(`${count} of ${max} connections`)];
  },
};

function readSysctl(name: string): number | undefined {
  return readNumber(`/proc/sys/${name.replaceAll('.', '/')}`);
}
