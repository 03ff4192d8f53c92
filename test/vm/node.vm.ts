// A cluster of two virtual machines with kernels of their own: plain Debian, systemd as PID 1, cgroup version 2 and the
// systemd cgroup driver. One has nodelet in the kubelet's place under kubeadm, the other is joined by `nodelet join`.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { KUBERNETES_VERSION } from '../../agent/config/version.ts';
import { timedLog } from '../../hack/sandbox/command.ts';
import { buildContainerdConfig } from '../../hack/sandbox/containerd-config.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { quote } from '../../hack/sandbox/shell.ts';
import { waitFor } from '../support/wait-for.ts';
import { ensureTools } from '../systemd/debian-tree.ts';
import { COMPONENTS } from '../systemd/kubeadm-files.ts';
import { Cluster, ENDED_DIRECTORY } from './cluster.ts';
import { makeClusterDisk } from './cluster-files.ts';
import { ensureDebianDisk, FILES_DIRECTORY } from './debian-disk.ts';
import { buildNetworks, ROUTER_MAC, VirtualMachine } from './virtual-machine.ts';

t.setTimeout(1_500_000);

const CONSOLES = '/var/log/nodelet-vm'; // kept, the last run's
const TOOLS = new Map([
  ['mmdebstrap', 'mmdebstrap'],
  ['mke2fs', 'e2fsprogs'],
  ['qemu-system-x86_64', 'qemu-system-x86'],
]);
const POWER_OFF_SECONDS = 60; // a stop job that hangs takes 90
const SLOW_DEADLINE_MS = 180_000;
const SLOW_POLL_MS = 1_000; // each look is work for a machine that is slow anyway

// What it recommends is a quarter of an hour on a busy emulator, and what it depends on has to be enough.
const INSTALL = `set -e; export DEBIAN_FRONTEND=noninteractive
apt-get -o Acquire::Languages=none update && cp ${FILES_DIRECTORY}/nodelet.deb /root
apt-get install --yes --no-install-recommends /root/nodelet.deb`;
// QEMU's router hears all that the machines say to each other, and answers in the other's name.
const ONE_ANSWER = `[Service]
Type=oneshot
ExecStart=/usr/sbin/iptables -w -t raw -I PREROUTING -m mac --mac-source ${ROUTER_MAC} -s 10.0.2.15,10.0.2.16,10.244.0.0/16 -j DROP
[Install]
WantedBy=multi-user.target`;
// As the guides for kubeadm have it; pause is the one of the images on the disk.
const CONTAINERD = buildContainerdConfig({
  majorVersion: 1,
  mayLowerOomScore: true,
  cgroupDriver: 'systemd',
});
const prepare = (archives: readonly string[]): string => `set -e
cat > /etc/systemd/system/one-answer.service <<'END'
${ONE_ANSWER}
END
systemctl enable --now one-answer
printf %s ${quote(CONTAINERD)} > /etc/containerd/config.toml
systemctl restart containerd
for archive in ${archives.join(' ')}; do ctr -n k8s.io images import ${FILES_DIRECTORY}/$archive.tar; done
for name in kubeadm kubectl; do ln -s ${FILES_DIRECTORY}/control-plane /usr/local/bin/$name; done
pause=$(kubeadm config images list --kubernetes-version=${KUBERNETES_VERSION} | grep pause)
ctr -n k8s.io images tag ${IMAGES.pause} $pause
echo br_netfilter > /etc/modules-load.d/kubernetes.conf && modprobe br_netfilter
printf '%s\\n' net.ipv4.ip_forward=1 vm.nr_hugepages=4 > /etc/sysctl.d/kubernetes.conf && sysctl --quiet --system`;

// As systemd/README.md tells: the API server waits for the etcd beside it, which has been told to end as well.
const STOP_SOON = `directory=/etc/systemd/system/cri-containerd-.scope.d; mkdir $directory
printf '[Scope]\\nTimeoutStopSec=15\\n' > $directory/stop.conf; systemctl daemon-reload`;
// kubeadm's own patience is meant for real processors.
const KUBEADM = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
skipPhases: [addon/kube-proxy]
timeouts: { controlPlaneComponentHealthCheck: 8m, kubernetesAPICall: 8m, kubeletHealthCheck: 8m }
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: ${KUBERNETES_VERSION}
networking: { podSubnet: 10.244.0.0/16 }`;

// kubeadm's, but for what the CoreDNS of the conformance suite is built without: metrics, forwarding, loops, reloads.
const COREFILE = `.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    cache 30
    loadbalance
}`;

const PODS = ['burstable', 'guaranteed', 'plain', 'together'];
// What their slices are called and limited to. systemd knows whole percents of a CPU only, so 255m are 26 %.
const EXPECTED = {
  burstable: {
    slice: /^kubepods.slice\/kubepods-burstable.slice\/kubepods-burstable-pod\w+.slice$/,
    limits: {
      'cpu.weight': '4',
      'cpu.max': '50000 100000',
      'memory.max': `${64 * 2 ** 20}`,
      'pids.max': 'max',
      'hugetlb.2MB.max': '0',
    },
  },
  guaranteed: {
    slice: /^kubepods.slice\/kubepods-pod\w+.slice$/,
    limits: { 'cpu.weight': '10', 'cpu.max': '26000 100000', 'hugetlb.2MB.max': `${4 * 2 ** 20}` },
  },
  plain: {
    slice: /^kubepods.slice\/kubepods-besteffort.slice\/kubepods-besteffort-pod\w+.slice$/,
    limits: { 'cpu.weight': '1', 'cpu.max': 'max 100000', 'memory.max': 'max' },
  },
  together: {
    slice: /^kubepods.slice\/kubepods-pod\w+.slice$/,
    limits: { 'cpu.max': '30000 100000', 'memory.max': `${40 * 2 ** 20}` },
  },
};

const stopping = new AbortController();
const { signal } = stopping;
// The machines are processes of their own, which must not outlive this one.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());
const progress = { signal, log: timedLog() };
await ensureTools(TOOLS, progress);
const disk = await ensureDebianDisk(progress);
const directory = await mkdtemp(join(tmpdir(), 'nodelet-vm-'));
t.teardown(async () => {
  await rm(directory, { recursive: true });
  progress.log(`what the consoles said: ${CONSOLES}`);
});
await mkdir(CONSOLES, { recursive: true });
const filesDisk = await makeClusterDisk(directory, progress);
const networks = buildNetworks(directory);
const shared = { directory, consoles: CONSOLES, disk, filesDisk, signal };
const first = new VirtualMachine({ ...shared, name: 'node-1', memoryMiB: 3072, network: networks[0] });
const second = new VirtualMachine({ ...shared, name: 'node-2', memoryMiB: 2048, network: networks[1] });
const machines = [first, second];
const cluster = new Cluster(first, second, signal);
t.teardown(async () => {
  if (!t.passing()) t.comment(await cluster.onFirst('journalctl -u kubelet -n 100').catch(String));
  await Promise.all(machines.map(async machine => await machine.destroy()));
});
await Promise.all(machines.map(one => one.untilBooted({ signal })));
progress.log('two machines have booted');

t.test('the package brings by apt what a plain Debian lacks', async t => {
  await cluster.onBoth(INSTALL);
  progress.log('the package is installed');
  t.match(
    await cluster.onFirst('apt-mark showauto'),
    /^containerd$[^]*^containernetworking-plugins$[^]*^runc$/m,
  );
  t.equal(await cluster.onFirst('systemctl is-enabled nodelet kubelet'), 'enabled\nenabled\n');
  t.equal(await cluster.onFirst('stat -f -c %T /sys/fs/cgroup'), 'cgroup2fs\n');
  await Promise.all([
    cluster.onFirst(`${prepare(['images', 'coredns', 'test-images'])}\n${STOP_SOON}`),
    cluster.onSecond(prepare(['coredns', 'test-images'])),
  ]);
  progress.log('the machines are prepared');
});

t.test('kubeadm init passes its own checks and makes a cluster', async t => {
  const file = '/root/kubeadm.yaml';
  const said = await cluster.onFirst(`echo ${quote(KUBEADM)} > ${file}; kubeadm init --config ${file} 2>&1`);
  t.match(said, 'control-plane has initialized successfully');
  progress.log('kubeadm init is done');
  await cluster.untilNodeReady('node-1');
  await cluster.untilPodsReady(
    'kube-system',
    COMPONENTS.map(name => `${name}-node-1`),
  );
});

t.test('nodelet join adds the other machine', async t => {
  const rights = '--clusterrole=system:node-proxier --group=system:nodes';
  await cluster.kubectl(`create clusterrolebinding nodelet:node-proxier ${rights}`);
  const line = await cluster.onFirst('kubeadm token create --print-join-command');
  t.match(await cluster.onSecond(line.replace('kubeadm', 'nodelet')), /joined .* as node-2/);
  await cluster.untilNodeReady('node-2');
  progress.log('both nodes are ready');
  const patch = JSON.stringify({ data: { Corefile: COREFILE } });
  await cluster.kubectl(`-n kube-system patch configmap coredns --patch ${quote(patch)}`);
  await cluster.kubectl('-n kube-system rollout restart deployment/coredns');
  try {
    await cluster.kubectl('-n kube-system rollout status deployment/coredns --timeout=180s');
  } catch (error) {
    t.comment(await cluster.kubectl('-n kube-system describe pods --selector=k8s-app=kube-dns'));
    t.comment(await cluster.kubectl('-n kube-system logs --selector=k8s-app=kube-dns --prefix --tail=50'));
    throw error;
  }
  // The doctor's patience with the runtime is meant for real processors.
  const isWell = async (): Promise<boolean> =>
    (await cluster.second.exec('nodelet doctor', { signal })).exitCode === 0;
  await waitFor('nodelet doctor to find no fault', isWell, {
    deadlineMs: SLOW_DEADLINE_MS,
    pollMs: SLOW_POLL_MS,
  });
});

t.test('pods lie in slices, limited by the files of version 2', async t => {
  await cluster.createPod('burstable', {
    resources: { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } },
  });
  await cluster.createPod('guaranteed', {
    resources: { limits: { cpu: '255m', memory: '32Mi', 'hugepages-2Mi': '4Mi' } },
  });
  await cluster.createPod('plain');
  await cluster.createPod('together', { podResources: { limits: { cpu: '300m', memory: '40Mi' } } });
  await cluster.untilPodsReady('default', PODS);

  for (const [pod, { slice, limits }] of Object.entries(EXPECTED)) {
    const path = await cluster.sliceOf(pod);
    t.match(path, slice);
    t.strictSame(await cluster.readFiles(path, Object.keys(limits)), limits, pod);
  }
  // Before systemd reads its units anew: a scope has no setting for the group, and goes back to 0, as with the kubelet.
  const container = await cluster.scopeOf('burstable');
  t.strictSame(await cluster.readFiles(container, ['memory.max', 'memory.oom.group', 'memory.swap.max']), {
    'memory.max': `${64 * 2 ** 20}`,
    'memory.oom.group': '1',
    'memory.swap.max': '0',
  });
  await cluster.onSecond('systemctl daemon-reload');
  for (const [pod, { limits }] of Object.entries(EXPECTED)) {
    const files = await cluster.readFiles(await cluster.sliceOf(pod), Object.keys(limits));
    t.strictSame(files, limits, `systemd keeps what ${pod} has`);
  }
  const inherited = await cluster.readFiles(await cluster.scopeOf('together'), ['cpu.max', 'memory.max']);
  t.strictSame(inherited, { 'cpu.max': '30000 100000', 'memory.max': `${40 * 2 ** 20}` });
  const { 'pids.max': pids, 'memory.max': memory } = await cluster.readFiles('kubepods.slice', [
    'pids.max',
    'memory.max',
  ]);
  t.ok(Number(pids) > 1000 && Number(memory) > 2 ** 30, `all pods have ${pids} processes, ${memory} bytes`);
});

t.test('a resize in place shows in the cgroup files, and nothing restarts', async t => {
  const before = await cluster.containers();
  const resources = { requests: { cpu: '200m', memory: '48Mi' }, limits: { cpu: '800m', memory: '96Mi' } };
  const patch = JSON.stringify({ spec: { containers: [{ name: 'main', resources }] } });
  await cluster.kubectl(`patch pod burstable --subresource resize --patch '${patch}'`);
  const slice = await cluster.sliceOf('burstable');
  const limits = { 'cpu.weight': '8', 'cpu.max': '80000 100000', 'memory.max': `${96 * 2 ** 20}` };
  const expected = JSON.stringify(limits);
  await waitFor(
    'the new limits',
    async () => JSON.stringify(await cluster.readFiles(slice, Object.keys(limits))) === expected,
    { pollMs: SLOW_POLL_MS },
  );
  t.match(await cluster.readFiles(await cluster.scopeOf('burstable'), ['cpu.max']), {
    'cpu.max': '80000 100000',
  });
  t.strictSame(await cluster.containers(), before);
});

t.test('a container beyond its memory limit is killed as a whole, and the status says why', async t => {
  const command = ['sh', '-c', 'sleep 1000 & head -c 200m /dev/zero | tail > /dev/null; sleep 1000'];
  const resources = { limits: { memory: '48Mi', cpu: '500m' } };
  await cluster.createPod('greedy', { resources, command, restartPolicy: 'Never' });
  await cluster.kubectl('wait --for=jsonpath={.status.phase}=Failed pod/greedy --timeout=120s');
  const path = '{.status.containerStatuses[0].state.terminated}';
  const terminated: unknown = JSON.parse(await cluster.kubectl(`get pod greedy -o jsonpath=${path}`));
  t.match(terminated, { reason: 'OOMKilled', exitCode: 137 });
  const slice = `kubepods-pod${(await cluster.kubectl('get pod greedy -o jsonpath={.metadata.uid}')).replaceAll('-', '_')}.slice`;
  await cluster.kubectl('delete pod greedy --wait');
  t.equal(
    await cluster.onSecond(`find /sys/fs/cgroup -name ${slice}; systemctl list-units --no-legend ${slice}`),
    '',
  );
});

t.test('statistics are those of the cgroup files', async t => {
  const slice = await cluster.sliceOf('burstable');
  const node = '/api/v1/nodes/node-2/proxy';
  const summary: Summary = JSON.parse(await cluster.kubectl(`get --raw ${node}/stats/summary`));
  const pod = summary.pods.find(({ podRef }) => podRef.name === 'burstable');
  const usageBytes = Number(await cluster.onSecond(`cat /sys/fs/cgroup/${slice}/memory.current`));
  t.ok(Math.abs((pod?.memory.usageBytes ?? 0) - usageBytes) < usageBytes / 10, 'memory');
  const stat = await cluster.onSecond(`cat /sys/fs/cgroup/${slice}/cpu.stat`);
  const usedNanoseconds = Number(/^usage_usec (\d+)/m.exec(stat)?.[1]) * 1000;
  const ratio = (pod?.cpu.usageCoreNanoSeconds ?? 0) / usedNanoseconds;
  t.ok(ratio > 0.8 && ratio <= 1, 'cpu');
  t.type(pod?.cpu.psi?.some.total, 'number', 'pressure stall information');
  t.type(summary.node.memory.psi?.full.total, 'number');
  t.strictSame(
    summary.node.systemContainers.map(({ name }) => name),
    ['kubelet', 'pods'],
  );
  const metrics = await cluster.kubectl(`get --raw ${node}/metrics/cadvisor`);
  t.match(
    metrics,
    /^container_spec_memory_limit_bytes\{[^}]*container="main"[^}]*pod="burstable"[^}]*\} 100663296 \d+$/m,
  );
  t.match(metrics, /^container_pressure_cpu_waiting_seconds_total\{[^}]*pod="burstable"/m);
});

t.test('the journal has the fields of each line, and no errors', async t => {
  const lines = (await cluster.onSecond('journalctl -u nodelet -o json POD=burstable')).trim().split('\n');
  for (const line of lines) {
    t.match(JSON.parse(line), { POD: 'burstable', NAMESPACE: 'default', SYSLOG_IDENTIFIER: 'nodelet' });
  }
  t.equal(await cluster.onSecond('journalctl -u nodelet -p err -o cat -q'), '');
  t.equal(await cluster.onFirst('journalctl -u kubelet -p err -o cat -q'), '');
  t.match(await cluster.onSecond('systemctl status nodelet'), /Status: "node is ready, \d+ pods"/);
});

t.test('a restart of the agents disturbs nothing', async t => {
  const before = await cluster.containers();
  await cluster.onSecond('systemctl restart nodelet');
  await cluster.onFirst('systemctl restart kubelet');
  await cluster.untilNodeReady('node-1');
  await cluster.untilNodeReady('node-2');
  t.strictSame(await cluster.containers(), before);
});

t.test('a reboot brings every pod back, and tells containers to end first', async t => {
  const names = (await cluster.containers()).map(([name]) => name);
  const bootId = await cluster.onSecond('cat /proc/sys/kernel/random/boot_id');
  await Promise.all(machines.map(async machine => await machine.reboot({ signal })));
  progress.log('both machines have booted again');
  const isBack = async (): Promise<boolean> =>
    (await cluster.containers()).every(([, , state, restarts]) => state === 'running' && restarts !== '0');
  await waitFor('every pod to run again', isBack, { deadlineMs: SLOW_DEADLINE_MS, pollMs: SLOW_POLL_MS });
  t.strictSame(
    (await cluster.containers()).map(([name]) => name),
    names,
  );
  for (const node of ['node-1', 'node-2']) await cluster.untilNodeReady(node);
  for (const pod of PODS) {
    t.equal(await cluster.onSecond(`cat ${ENDED_DIRECTORY}/${pod}`), bootId, `${pod} was told to end`);
  }
});

t.test('a machine powers off cleanly and soon', async t => {
  const containers = await cluster.containers();
  for (const machine of machines.toReversed()) {
    const { seconds, console } = await machine.powerOff({ signal });
    progress.log(`${machine.name} was off after ${seconds.toFixed(0)} s`);
    t.ok(seconds < POWER_OFF_SECONDS, `${machine.name}: ${seconds.toFixed(0)} s`, { containers });
    t.notMatch(console, /A stop job is running|Waiting for process|Sending SIGKILL to PID|FAILED/);
  }
});

interface Psi {
  readonly some: { readonly total: number };
  readonly full: { readonly total: number };
}

/** What is looked at of /stats/summary. */
interface Summary {
  readonly node: {
    readonly memory: { readonly psi?: Psi };
    readonly systemContainers: readonly { readonly name: string }[];
  };
  readonly pods: readonly {
    readonly podRef: { readonly name: string };
    readonly memory: { readonly usageBytes: number };
    readonly cpu: { readonly usageCoreNanoSeconds: number; readonly psi?: Psi };
  }[];
}
