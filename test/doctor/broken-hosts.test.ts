// Hosts that are broken in one way each, in namespaces of their own, and what `nodelet doctor` says about each.
import '../host/private-namespaces.ts';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { doctorContext } from '../../agent/cli/doctor.ts';
import { parseConfig } from '../../agent/config/load-config.ts';
import { CHECKS } from '../../agent/doctor/examine.ts';
import type { Remark } from '../../agent/doctor/finding.ts';
import { createCertificateAuthority, issueCertificate } from '../../hack/sandbox/pki/certificate.ts';

const scratch = mkdtempSync(join(tmpdir(), 'nodelet-doctor-'));
t.teardown(() => rmSync(scratch, { recursive: true }));
const { signal } = new AbortController();
const DAY_MS = 86_400_000;

interface Host {
  /** Shell lines that break the host, after which mounts are undone. */
  readonly broken?: string;
  /** The configuration file's text. */
  readonly config?: string;
  readonly name?: string;
}

let files = 0;

/** Covers a file of the host by another content; the mount goes with the row. */
function cover(path: string, content: string): string {
  const file = join(scratch, `cover-${(files += 1)}`);
  writeFileSync(file, content);
  return `mount --bind ${file} ${path}`;
}

const empty = (path: string): string => `mkdir -p ${path} && mount -t tmpfs none ${path}`;

async function ask(
  check: string,
  { broken, config = '', name = 'worker-1' }: Host,
): Promise<readonly Remark[]> {
  const loaded = parseConfig({
    flags: [],
    files: [{ path: '/etc/nodelet/config.yaml', text: `kind: KubeletConfiguration\n${config}` }],
    workingDir: '/',
    hostname: name,
  });
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
  const mountsBefore = listMounts().length;
  if (broken !== undefined) execFileSync('sh', ['-ec', broken]);
  try {
    const found = CHECKS.find(candidate => candidate.name === check);
    return (await found?.run(doctorContext(loaded.config), { signal })) ?? [];
  } finally {
    for (const path of listMounts().slice(mountsBefore).reverse()) execFileSync('umount', ['--lazy', path]);
  }
}

/** Where something is mounted, in the order in which it was. */
function listMounts(): readonly string[] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').trim().split('\n');
  return lines.map(line => line.split(' ')[1] ?? '');
}

const authority = createCertificateAuthority('kubernetes');

/** A certificate directory with a client certificate of that age. */
function pki(fromDays: number, toDays: number): string {
  const directory = mkdtempSync(join(scratch, 'pki-'));
  const { certificate, key } = issueCertificate(authority, {
    commonName: 'system:node:worker-1',
    usages: ['client'],
    notBefore: new Date(Date.now() + fromDays * DAY_MS),
    notAfter: new Date(Date.now() + toDays * DAY_MS),
  });
  writeFileSync(join(directory, 'kubelet-client-current.pem'), certificate + key);
  return `rotateCertificates: true\nnodelet: { certDir: ${directory} }\n`;
}

const swaps = 'Filename Type Size Used Priority\n/dev/sda2 partition 1000000 0 -2\n';
const containerd = (text: string): string =>
  `${empty('/etc/containerd')} && printf '${text}' > /etc/containerd/config.toml`;

type Row = readonly [
  title: string,
  check: string,
  host: Host,
  status: 'ok' | 'warn' | 'fail',
  says: RegExp,
  mend?: RegExp,
];

const ROWS: readonly Row[] = [
  [
    'no overlay',
    'modules',
    { broken: cover('/proc/filesystems', 'nodev\tsysfs\n') },
    'fail',
    /no overlay/,
    /modprobe overlay/,
  ],
  [
    'swap is on',
    'swap',
    { broken: cover('/proc/swaps', swaps), config: 'failSwapOn: true\n' },
    'fail',
    /\/dev\/sda2/,
    /swapoff -a/,
  ],
  ['swap that is allowed', 'swap', { broken: cover('/proc/swaps', swaps) }, 'ok', /sda2.*NoSwap/],
  [
    'no forwarding',
    'sysctl',
    { broken: cover('/proc/sys/net/ipv4/ip_forward', '0\n') },
    'fail',
    /ip_forward is 0/,
    /^sysctl -w net.ipv4.ip_forward=1$/,
  ],
  [
    'few process ids',
    'sysctl',
    { broken: `echo 1 > /proc/sys/net/ipv4/ip_forward; ${cover('/proc/sys/kernel/pid_max', '4096\n')}` },
    'warn',
    /pid_max is 4096/,
  ],
  [
    'few inotify instances',
    'inotify',
    { broken: cover('/proc/sys/fs/inotify/max_user_instances', '128\n') },
    'warn',
    /max_user_instances is 128/,
    /=512/,
  ],
  [
    'few inotify watches',
    'inotify',
    { broken: cover('/proc/sys/fs/inotify/max_user_watches', '8192\n') },
    'warn',
    /max_user_watches is 8192/,
  ],
  ['no cgroups', 'cgroups', { broken: empty('/sys/fs/cgroup') }, 'fail', /no cgroup file system/],
  [
    'no memory controller',
    'cgroups',
    {
      broken: `${empty('/sys/fs/cgroup')}; for c in cpu pids; do mkdir /sys/fs/cgroup/$c; touch /sys/fs/cgroup/$c/tasks; done`,
    },
    'fail',
    /no memory controller/,
    /cgroup_enable=memory/,
  ],
  [
    'cgroup version 1',
    'cgroups',
    {
      broken: `${empty('/sys/fs/cgroup')}; for c in cpu pids memory; do mkdir /sys/fs/cgroup/$c; touch /sys/fs/cgroup/$c/tasks; done`,
      config: 'failCgroupV1: true\n',
    },
    'fail',
    /version 1/,
    /failCgroupV1: false/,
  ],
  [
    'no runtime',
    'runtime',
    { config: 'containerRuntimeEndpoint: unix:///no/such.sock\n' },
    'fail',
    /no runtime listens at \/no\/such.sock/,
    /containerd/,
  ],
  [
    'a socket nobody serves',
    'runtime',
    {
      config: `containerRuntimeEndpoint: unix://${scratch}/dead.sock\n`,
      broken: `touch ${scratch}/dead.sock`,
    },
    'fail',
    /does not answer as CRI/,
    /systemctl restart containerd/,
  ],
  [
    'CRI is switched off',
    'runtime',
    { broken: containerd('disabled_plugins = ["cri"]\\n') },
    'fail',
    /switches the CRI plugin off/,
    /disabled_plugins/,
  ],
  [
    'two cgroup drivers',
    'runtime',
    { broken: containerd('SystemdCgroup = true\\n') },
    'warn',
    /driver is systemd, the configuration says cgroupfs/,
    /cgroupDriver: systemd/,
  ],
  [
    'containerd beside systemd',
    'runtime',
    {
      broken: `${containerd('')}; ${empty('/run')}; mkdir -p /run/systemd/system`,
      config: 'cgroupDriver: systemd\n',
    },
    'warn',
    /driver is cgroupfs, the configuration says systemd/,
    /SystemdCgroup = true/,
  ],
  [
    'no CNI plugins',
    'cni',
    { config: 'nodelet: { network: { cniBinDirs: [/no/such] } }\n' },
    'fail',
    /no bridge, host-local/,
    /containernetworking-plugins/,
  ],
  [
    'a broken CNI configuration',
    'cni',
    { broken: `${empty('/etc/cni/net.d')}; echo '{' > /etc/cni/net.d/10-x.conflist` },
    'fail',
    /10-x.conflist is not valid JSON/,
  ],
  [
    'no network and none managed',
    'cni',
    { broken: empty('/etc/cni/net.d'), config: 'nodelet: { network: { manageCNI: false } }\n' },
    'fail',
    /manageCNI is false/,
    /network add-on/,
  ],
  ['no default route', 'route', {}, 'fail', /no default route/, /--node-ip/],
  ['no resolv.conf', 'dns', { config: 'resolvConf: /no/such\n' }, 'fail', /\/no\/such does not exist/],
  [
    'a resolver on loopback',
    'dns',
    { broken: cover('/etc/resolv.conf', 'nameserver 127.0.0.53\n') },
    'fail',
    /127.0.0.53 alone/,
    /resolvConf/,
  ],
  ['no resolver', 'dns', { broken: cover('/etc/resolv.conf', 'search x\n') }, 'warn', /names no server/],
  [
    'four resolvers',
    'dns',
    { broken: cover('/etc/resolv.conf', [1, 2, 3, 4].map(n => `nameserver 10.0.0.${n}\n`).join('')) },
    'warn',
    /names 4 servers/,
  ],
  [
    'an empty machine-id',
    'machine',
    { broken: cover('/etc/machine-id', '') },
    'fail',
    /machine-id is empty/,
    /systemd-machine-id-setup/,
  ],
  [
    'a host called localhost',
    'machine',
    { name: 'localhost' },
    'fail',
    /would be called localhost/,
    /set-hostname/,
  ],
  [
    'no localhost',
    'machine',
    { broken: cover('/etc/hosts', '10.0.0.1 worker-1\n') },
    'warn',
    /does not know localhost/,
  ],
  ['an expired certificate', 'certificates', { config: pki(-10, -1) }, 'fail', /expired at/, /nodelet join/],
  ['a certificate that soon expires', 'certificates', { config: pki(-10, 3) }, 'warn', /expires in \d days/],
  ['a clock that is behind', 'certificates', { config: pki(1, 10) }, 'fail', /clock is behind/, /set-ntp/],
  [
    'a certificate that is none',
    'certificates',
    { config: `${pki(-1, 1)}tlsCertFile: /etc/hostname\ntlsPrivateKeyFile: /etc/hostname\n` },
    'fail',
    /\/etc\/hostname is no certificate/,
  ],
  [
    'a file that is configured and missing',
    'certificates',
    { config: 'authentication: { x509: { clientCAFile: /no/ca.crt } }\n' },
    'fail',
    /\/no\/ca.crt does not exist/,
  ],
  [
    'no kubeconfig',
    'api',
    { config: 'nodelet: { kubeconfig: /no/such }\n' },
    'fail',
    /this machine is no node yet/,
    /nodelet join/,
  ],
  [
    'a read-only disk',
    'disk',
    { broken: `${empty('/var/lib/kubelet')}; mount -o remount,ro /var/lib/kubelet` },
    'fail',
    /read-only/,
    /remount,rw/,
  ],
  [
    'a full disk',
    'disk',
    {
      broken: `mkdir -p /var/lib/kubelet; mount -t tmpfs -o size=1M none /var/lib/kubelet; head -c 1000000 /dev/zero > /var/lib/kubelet/x`,
    },
    'fail',
    /under 10 %/,
  ],
  [
    'no inodes',
    'disk',
    {
      broken: `mkdir -p /var/lib/kubelet; mount -t tmpfs -o nr_inodes=20 none /var/lib/kubelet; for i in $(seq 19); do touch /var/lib/kubelet/$i; done`,
    },
    'fail',
    /inodes/,
  ],
  [
    'no iptables',
    'iptables',
    { broken: 'mount --bind /dev/null $(readlink -f /usr/sbin/iptables-restore)' },
    'fail',
    /no iptables/,
    /apt-get install iptables/,
  ],
];

for (const [title, check, host, status, says, mend] of ROWS) {
  t.test(title, async t => {
    const remarks = await ask(check, host);
    const found = remarks.find(remark => remark.status === status && says.test(remark.message));
    t.ok(found, `${check} says ${status}: ${JSON.stringify(remarks)}`);
    if (mend !== undefined) t.match(found?.mend, mend);
  });
}

t.test('another program on our port', async t => {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const server = createServer().listen(10_250, '127.0.0.1');
  t.teardown(() => server.close());
  await new Promise(resolve => server.once('listening', resolve));
  t.match(await ask('ports', {}), [{ status: 'fail', message: 'port 10250 is taken by another program' }]);
});

const WITHOUT_PROXY = { config: 'nodelet: { proxy: { enabled: false } }\n' };
const RIVALS: readonly (readonly [beside: string | undefined, host: Host, expected: object])[] = [
  ['kubelet', {}, { status: 'fail', mend: 'systemctl disable --now kubelet' }],
  ['kube-proxy', {}, { status: 'warn', message: /writes the same chains/ }],
  ['kube-proxy', WITHOUT_PROXY, { status: 'ok' }],
  [undefined, WITHOUT_PROXY, { status: 'warn', message: /no kube-proxy runs/ }],
];
for (const [beside, host, expected] of RIVALS) {
  t.test(`${beside ?? 'nobody'} beside us, ${host.config ?? 'as configured by default'}`, async t => {
    const program = mkdtempSync(join(scratch, 'bin-'));
    if (beside !== undefined) {
      copyFileSync('/bin/sleep', join(program, beside));
      const running = spawn(join(program, beside), ['60']);
      t.teardown(async () => {
        running.kill('SIGKILL');
        await once(running, 'exit');
      });
    }
    t.match(await ask('rivals', host), [expected]);
  });
}
