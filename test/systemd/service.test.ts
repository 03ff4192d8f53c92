// The unit of nodelet under a real systemd: readiness, journal, restarts, watchdog, limits, slices.
import t from 'tap';
import { timedLog } from '../../hack/sandbox/command.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { createSandbox, destroySandbox } from '../../hack/sandbox/sandbox.ts';
import { waitFor } from '../support/wait-for.ts';
import { ensureDebianTree } from './debian-tree.ts';
import { Machine } from './machine.ts';

t.setTimeout(180_000);

const SANDBOX = `sysd-${process.pid}`;
const WATCHDOG_MS = 2000;
const OBEDIENT = 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done';

const { signal } = new AbortController();
const progress = { signal, log: timedLog() };
const tree = await ensureDebianTree(progress);
t.teardown(async () => {
  if (!t.passing()) t.comment(await sh('journalctl -u nodelet -n 100'));
  await destroySandbox(SANDBOX, progress);
});
const sandbox = await createSandbox({ name: SANDBOX, nodeCount: 1 }, progress);
const node = sandbox.node();
const machine = await Machine.boot(node, tree, { signal });
progress.log('machine has booted');
const isUnified = (await sh('stat -f -c %T /sys/fs/cgroup')).trim() === 'cgroup2fs';

interface PodStatus {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly containerID?: string; readonly restartCount: number }[];
  };
}

t.test('the service is active when the agent says so, not before', async t => {
  await sh('systemctl start --no-block nodelet');
  const pid = await waitFor(
    'a main process',
    async () => (await property('MainPID')) !== '0' && property('MainPID'),
  );
  await sh(`kill -STOP ${pid}`);
  t.equal(await property('ActiveState'), 'activating');
  await sh(`kill -CONT ${pid}`);
  await untilService('active');
  t.equal(await property('Type'), 'notify');
  t.equal(await property('MainPID'), pid);
});

t.test('it has the limits of its unit', async t => {
  const names = [
    'OOMScoreAdjust',
    'LimitNOFILE',
    'LimitNPROC',
    'LimitCORE',
    'TasksMax',
    'KillMode',
    'Restart',
  ];
  const shown = await Promise.all(names.map(async name => [name, await property(name)] as const));
  t.strictSame(Object.fromEntries(shown), {
    OOMScoreAdjust: '-999',
    LimitNOFILE: '1048576',
    LimitNPROC: 'infinity',
    LimitCORE: '0',
    TasksMax: 'infinity',
    KillMode: 'process',
    Restart: 'always',
  });
  const pid = await property('MainPID');
  const capabilities = /^CapEff:\s*(\S+)/m.exec(await sh('cat /proc/1/status'))?.[1] ?? '';
  const hasSysResource = (BigInt(`0x${capabilities}`) & (1n << 24n)) !== 0n;
  // Where systemd itself may not raise them, it goes as far as it may and starts the service all the same.
  if (!hasSysResource) return;
  t.equal((await sh(`cat /proc/${pid}/oom_score_adj`)).trim(), '-999');
  t.match(await sh(`cat /proc/${pid}/limits`), /^Max open files +1048576 +1048576/m);
});

t.test('it is confined', async t => {
  const status = await sh(`cat /proc/${await property('MainPID')}/status`);
  t.match(status, /^NoNewPrivs:\s+1$/m);
  t.match(status, /^Seccomp:\s+2$/m);
  const bounding = BigInt(`0x${/^CapBnd:\s*(\S+)/m.exec(status)?.[1] ?? 'f'}`);
  // linux/capability.h
  for (const [name, number] of Object.entries({ CAP_SYS_RAWIO: 17n, CAP_SYS_BOOT: 22n, CAP_SYS_TIME: 25n }))
    t.equal((bounding >> number) & 1n, 0n, name);
});

t.test('pods lie in slices with their limits, and a reload of systemd leaves them', async t => {
  await untilNodeReady();
  await createPod('web-1', {
    requests: { cpu: '100m', memory: '32Mi' },
    limits: { cpu: '500m', memory: '64Mi' },
  });
  await createPod('plain', {});
  const web = await untilRunning('web-1');
  const plain = await untilRunning('plain');

  const slice = podSlice('burstable', web);
  const path = `kubepods.slice/kubepods-burstable.slice/${slice}`;
  const expected = isUnified
    ? { weight: '4', quota: '50000 100000', memory: '67108864' }
    : { weight: '102', quota: '50000', memory: '67108864' };
  t.strictSame(await limitsOf(path), expected);
  t.match(await sh(`systemctl show ${slice}`), /^Memory(?:Limit|Max)=67108864$/m);
  await sh('systemctl daemon-reload');
  t.strictSame(await limitsOf(path), expected);
  t.match(await sh(`ls ${cgroupDirectory('memory', path)}`), /^cri-containerd-[0-9a-f]{64}\.scope$/m);
  const id = containerIDs(web)[0]?.replace('containerd://', '') ?? '';
  const task = /^\S+\s+(\d+)\s+RUNNING$/m.exec(await sh(`ctr -n k8s.io tasks list | grep ${id}`))?.[1];
  t.match(await sh(`cat /proc/${task}/cgroup`), `/${path}/cri-containerd-${id}.scope`);

  const classPath = 'kubepods.slice/kubepods-besteffort.slice';
  const least = isUnified ? '1' : '2';
  t.match(await limitsOf(`${classPath}/${podSlice('besteffort', plain)}`), { weight: least });
  t.match(await limitsOf(classPath), { weight: least });
  const machineBytes = Number(/^MemTotal:\s+(\d+)/m.exec(await sh('cat /proc/meminfo'))?.[1]) * 1024;
  t.ok(Number((await limitsOf('kubepods.slice')).memory) <= machineBytes);
});

t.test('systemctl status tells how the node is', async t => {
  await waitFor('the status line', async () => (await property('StatusText')) === 'node is ready, 2 pods');
  t.match(await sh('systemctl status nodelet'), 'Status: "node is ready, 2 pods"');
});

t.test('the journal has the fields of each line', async t => {
  await createPod('absent-1', {}, { image: 'nodelet.test/absent:1' });
  const web = await untilRunning('web-1');
  const of = async (...matches: string[]) =>
    (await sh(`journalctl -u nodelet -o json ${matches.join(' ')}`))
      .split('\n')
      .filter(Boolean)
      // What journalctl prints with -o json.
      .map(line => JSON.parse(line) as Record<string, string>);
  const refused = await waitFor('a line about absent-1', async () =>
    (await of('POD=absent-1')).find(entry => entry['REASON'] === 'ErrImageNeverPull' && entry['CONTAINER']),
  );
  t.match(refused, {
    PRIORITY: '4',
    NAMESPACE: 'default',
    POD_UID: /^[0-9a-f-]{36}$/,
    CONTAINER: 'main',
    SYSLOG_IDENTIFIER: 'nodelet',
    _SYSTEMD_UNIT: 'nodelet.service',
  });
  const lines = await of('POD=web-1');
  t.ok(lines.length > 0);
  for (const line of lines) t.match(line, { POD: 'web-1', NAMESPACE: 'default', POD_UID: web.metadata.uid });
  t.match(lines.map(({ MESSAGE }) => MESSAGE).join('\n'), /sandbox created/);
  t.notMatch(await sh('journalctl -u nodelet POD=web-1'), /absent-1|plain/);
  await kubectl('delete', 'pod', 'absent-1', '--grace-period=1');
});

t.test('a restart, a crash and a stop of the agent leave the pods alone', async t => {
  const before = await containers();
  const pid = await property('MainPID');
  await sh('systemctl restart nodelet');
  await untilService('active');
  t.not(await property('MainPID'), pid);

  const restarted = await property('MainPID');
  await sh(`kill -KILL ${restarted}`);
  await untilOtherProcess(restarted);
  await untilService('active');
  t.equal(await property('NRestarts'), '1');

  await sh('systemctl stop nodelet');
  t.equal(await property('Result'), 'success');
  t.equal(Number(await sh('ctr -n k8s.io tasks list -q | wc -l')), 4);
  await sh('systemctl start nodelet');
  await untilNodeReady();
  t.strictSame(await containers(), before);
});

t.test('an agent that hangs is started again', async t => {
  const before = await containers();
  const seconds = WATCHDOG_MS / 1000;
  await sh(`mkdir -p /run/systemd/system/nodelet.service.d
    printf '[Service]\\nWatchdogSec=${seconds}\\n' > /run/systemd/system/nodelet.service.d/watchdog.conf
    systemctl daemon-reload && systemctl restart nodelet`);
  const pid = await property('MainPID');
  await new Promise(resolve => setTimeout(resolve, WATCHDOG_MS * 2));
  t.equal(await property('MainPID'), pid, 'it lives as long as it says that it does');
  await sh(`kill -STOP ${pid}`);
  await untilOtherProcess(pid);
  await untilService('active');
  const journal = await sh('journalctl -u nodelet');
  t.match(journal, /Watchdog timeout/);
  t.notMatch(journal, 'Got notification message from PID', 'nobody else speaks for it');
  t.notMatch(journal, 'cannot be set up', 'slices that are there are taken as they are');
  t.equal(
    (await sh('find / -xdev -name "core*" -type f -size +1M')).trim(),
    '',
    'no memory is left in a core file',
  );
  t.strictSame(await containers(), before);
});

t.test('a deleted pod leaves no slice', async t => {
  await kubectl('delete', 'pod', 'web-1', 'plain', '--wait');
  t.equal(await sh('systemctl list-units --plain --no-legend "kubepods*pod*"'), '');
  t.equal(await sh('find /sys/fs/cgroup -name "kubepods*pod*"'), '');
  t.match(await sh('systemctl list-units --plain --no-legend "kubepods*"'), /^kubepods-besteffort.slice/m);
});

async function sh(script: string): Promise<string> {
  return await machine.run('sh', ['-c', script], { signal });
}

async function property(name: string): Promise<string> {
  return (await sh(`systemctl show --value -p ${name} nodelet`)).trim();
}

async function untilService(state: string): Promise<void> {
  await waitFor(`the service to be ${state}`, async () => (await property('ActiveState')) === state);
}

async function untilOtherProcess(pid: string): Promise<void> {
  await waitFor('another main process', async () => !['0', pid].includes(await property('MainPID')));
}

async function kubectl(...args: string[]): Promise<string> {
  return await sandbox.kubectl(args, { signal });
}

async function untilNodeReady(): Promise<void> {
  await kubectl('wait', '--for=condition=Ready', 'node/node-1', '--timeout=30s');
}

async function createPod(name: string, resources: object, { image }: { image?: string } = {}): Promise<void> {
  const container = {
    name: 'main',
    image: image ?? IMAGES.busybox,
    imagePullPolicy: 'Never',
    command: ['sh', '-c', OBEDIENT],
    resources,
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { nodeName: node.name, terminationGracePeriodSeconds: 5, containers: [container] },
  };
  await sandbox.kubectl(['apply', '-f', '-'], { signal, input: JSON.stringify(pod) });
}

async function untilRunning(name: string): Promise<PodStatus> {
  return await waitFor(`${name} to run`, async () => {
    const pod: PodStatus = JSON.parse(await kubectl('get', 'pod', name, '-o', 'json'));
    return pod.status.phase === 'Running' && pod;
  });
}

async function containers(): Promise<readonly unknown[]> {
  const list: { items: PodStatus[] } = JSON.parse(await kubectl('get', 'pods', '-o', 'json'));
  return list.items
    .filter(({ status }) => status.phase === 'Running')
    .map(pod => [pod.metadata.name, containerIDs(pod), pod.status.containerStatuses?.[0]?.restartCount]);
}

function containerIDs({ status }: PodStatus): readonly string[] {
  return (status.containerStatuses ?? []).map(({ containerID = '' }) => containerID);
}

function podSlice(qosClass: string, { metadata }: PodStatus): string {
  return `kubepods-${qosClass}-pod${metadata.uid.replaceAll('-', '_')}.slice`;
}

function cgroupDirectory(controller: string, path: string): string {
  return isUnified ? `/sys/fs/cgroup/${path}` : `/sys/fs/cgroup/${controller}/${path}`;
}

async function limitsOf(path: string) {
  const read = async (controller: string, file: string) =>
    (await sh(`cat ${cgroupDirectory(controller, path)}/${file}`)).trim();
  return {
    weight: await read('cpu', isUnified ? 'cpu.weight' : 'cpu.shares'),
    quota: await read('cpu', isUnified ? 'cpu.max' : 'cpu.cfs_quota_us'),
    memory: await read('memory', isUnified ? 'memory.max' : 'memory.limit_in_bytes'),
  };
}
