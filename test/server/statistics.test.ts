// What the node tells about itself, as those read it who are made to: the numbers against the kernel's own, the text
// through Prometheus.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readCgroupLayout } from '../../agent/host/cgroup.ts';
import { ensurePrometheus } from '../../hack/e2e/prometheus.ts';
import { timedLog } from '../../hack/sandbox/command.ts';
import { run } from '../../hack/sandbox/run.ts';
import { script, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

interface Figures {
  readonly cpu: {
    readonly time: string;
    readonly usageCoreNanoSeconds: number;
    readonly usageNanoCores?: number;
  };
  readonly memory: Readonly<Record<string, number>>;
}

interface PodFigures extends Figures {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly containers: readonly (Figures & {
    readonly name: string;
    readonly rootfs?: { readonly usedBytes: number };
    readonly logs?: { readonly usedBytes: number };
  })[];
  readonly network?: { readonly name: string; readonly rxBytes: number };
  readonly volume?: readonly { readonly name: string; readonly usedBytes: number }[];
  readonly process_stats?: { readonly process_count: number };
}

interface Summary {
  readonly node: Figures & Readonly<Record<string, unknown>>;
  readonly pods: readonly PodFigures[];
}

t.setTimeout(120_000);

const { signal } = new AbortController();
const cluster = await useCluster(t);
const node = await cluster.node();
const { promtool, prometheus } = await ensurePrometheus({ signal, log: timedLog() });

const PATHS = ['/metrics', '/metrics/cadvisor', '/metrics/probes', '/metrics/resource'];

// Holds 32 MiB, has used a good deal of cpu, and rests.
const WORK = `
  head -c 1048576 /dev/zero > /data/file
  head -c 524288 /dev/zero > /root/file
  i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done
  touch /tmp/rests
  head -c 33554432 /dev/zero | tail | sleep 1000000`;
const created = await cluster.createPod('measured', {
  volumes: [{ name: 'data', emptyDir: {} }],
  containers: [
    script(WORK, {
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
      resources: { requests: { cpu: '100m' }, limits: { memory: '256Mi', cpu: '1' } },
      readinessProbe: { exec: { command: ['cat', '/tmp/rests'] }, periodSeconds: 1 },
    }),
  ],
});
const pod = await cluster.untilRunning('measured');

await t.test('the summary is within 2 % of the cgroup files', async t => {
  const { id } = await node.container(uidOf(pod), 'main');
  const layout = await readCgroupLayout();
  const readFiles = layout?.mode === 'v2' ? readFiles2 : readFiles1;
  const cgroup = `kubepods/burstable/pod${uidOf(created)}/${id}`;
  await waitFor('equal numbers', async () => {
    const before = await readFiles(cgroup);
    const figures = (await measured()).containers.find(({ name }) => name === 'main');
    const after = await readFiles(cgroup);
    if (!figures) return false;
    // Between two looks something may have moved; then the next three looks tell.
    return (
      isBetween(figures.cpu.usageCoreNanoSeconds, before.cpu, after.cpu) &&
      isBetween(figures.memory['workingSetBytes'] ?? 0, before.workingSet, after.workingSet)
    );
  });
  t.pass('cpu and working set');
});

await t.test('the summary tells of links, disks, volumes and processes', async t => {
  // A second look: some of it is only known after the runtime has counted, and cores in use take two.
  const found = await waitFor('figures of the disks', async () => {
    const { containers, ...rest } = await measured();
    const [container] = containers;
    const isKnown =
      (container?.rootfs?.usedBytes ?? 0) >= 524_288 && container?.cpu.usageNanoCores !== undefined;
    return isKnown && { ...rest, container };
  });
  t.equal(found.network?.name, 'eth0');
  t.ok((found.volume?.find(({ name }) => name === 'data')?.usedBytes ?? 0) >= 1_048_576);
  t.ok((found.process_stats?.process_count ?? 0) >= 3);
  t.ok((found.container?.memory['availableBytes'] ?? 0) < 256 * 2 ** 20);
  const { node: own } = await summary();
  t.match(own, {
    fs: { capacityBytes: Number },
    runtime: { imageFs: { usedBytes: Number } },
    rlimit: { maxpid: Number },
  });
});

await t.test('cpu and memory alone when nothing else is asked for', async t => {
  const short = await summary('?only_cpu_and_memory=true');
  const own = short.pods.find(({ podRef }) => podRef.name === 'measured');
  t.match(own, { cpu: { usageCoreNanoSeconds: Number }, network: undefined, volume: undefined });
});

await t.test('every metrics endpoint is text that Prometheus reads', async t => {
  for (const path of ['metrics', 'metrics/resource', 'metrics/cadvisor', 'metrics/probes', 'metrics/slis']) {
    const text = await raw(path);
    const { exitCode: code, stderr } = await run(promtool, ['check', 'metrics'], { signal, input: text });
    // 3: parsed, and the linter has wishes about upstream's names.
    t.ok(code === 0 || code === 3, `${path}: ${stderr.split('\n')[0] ?? ''}`);
  }
  const labels = `{container="main",namespace="${cluster.namespace}",pod="measured"}`;
  t.match(await raw('metrics/resource'), `container_cpu_usage_seconds_total${labels}`);
  const cadvisor = await raw('metrics/cadvisor');
  t.match(
    cadvisor,
    new RegExp(`container_memory_working_set_bytes{container="main",.*image=".+",.*pod="measured"}`),
  );
  t.match(
    cadvisor,
    new RegExp(`container_network_receive_bytes_total{container="",.*pod="measured",interface="eth0"}`),
  );
});

await t.test('Prometheus scrapes the node with the usual kubelet job', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'nodelet-prometheus-'));
  const port = await freePort();
  const address = `${(await cluster.getNode()).status?.addresses?.find(({ type }) => type === 'InternalIP')?.address}:10250`;
  await writeFile(join(directory, 'token'), await scrapeToken());
  await writeFile(
    join(directory, 'prometheus.yml'),
    JSON.stringify(scrapeConfig(address, join(directory, 'token'))),
  );
  const server = spawn(
    prometheus,
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: 'ignore' },
  );
  t.teardown(async () => {
    server.kill('SIGKILL');
    if (server.exitCode === null) await once(server, 'exit');
    await rm(directory, { recursive: true });
  });
  const targets = await waitFor('four healthy targets', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/targets`, { signal });
    const { data } = (await answer.json()) as {
      data: { activeTargets: readonly { health: string; lastError: string }[] };
    };
    const scraped = data.activeTargets.filter(({ health }) => health !== 'unknown');
    return scraped.length === PATHS.length && scraped;
  });
  t.same(
    targets.map(({ health, lastError }) => `${health}${lastError}`),
    PATHS.map(() => 'up'),
  );
});

// ---- Asking

function raw(path: string): Promise<string> {
  return cluster.kubectl('get', '--raw', `/api/v1/nodes/node-1/proxy/${path}`);
}

async function summary(query = ''): Promise<Summary> {
  return JSON.parse(await raw(`stats/summary${query}`)) as Summary;
}

async function measured(): Promise<PodFigures> {
  const found = (await summary()).pods.find(({ podRef }) => podRef.uid === uidOf(pod));
  if (!found) throw new Error('the summary has no such pod');
  return found;
}

/** A service account as a monitoring system has it. */
async function scrapeToken(): Promise<string> {
  const role = `scrape-${cluster.namespace}`;
  await cluster.kubectl('create', 'serviceaccount', 'prometheus');
  await cluster.kubectl('create', 'clusterrole', role, '--verb=get', '--resource=nodes/metrics');
  t.teardown(async () => await cluster.kubectl('delete', 'clusterrole,clusterrolebinding', role));
  const subject = `--serviceaccount=${cluster.namespace}:prometheus`;
  await cluster.kubectl('create', 'clusterrolebinding', role, `--clusterrole=${role}`, subject);
  return (await cluster.kubectl('create', 'token', 'prometheus')).trim();
}

function scrapeConfig(address: string, tokenFile: string): object {
  return {
    global: { scrape_interval: '2s', scrape_timeout: '2s' },
    scrape_configs: PATHS.map(path => ({
      job_name: `kubelet${path}`,
      metrics_path: path,
      scheme: 'https',
      authorization: { credentials_file: tokenFile },
      tls_config: { insecure_skip_verify: true },
      static_configs: [{ targets: [address] }],
    })),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

// ---- The kernel's own numbers

interface KernelFigures {
  readonly cpu: number;
  readonly workingSet: number;
}

async function readFiles1(cgroup: string): Promise<KernelFigures> {
  const memory = `/sys/fs/cgroup/memory/${cgroup}`;
  const text = await node.shell(
    `cat /sys/fs/cgroup/cpuacct/${cgroup}/cpuacct.usage ${memory}/memory.usage_in_bytes; grep total_inactive_file ${memory}/memory.stat`,
  );
  const [cpu, usage, inactive] = text.trim().split('\n');
  return { cpu: Number(cpu), workingSet: Number(usage) - Number(inactive?.split(' ')[1]) };
}

async function readFiles2(cgroup: string): Promise<KernelFigures> {
  const directory = `/sys/fs/cgroup/${cgroup}`;
  const text = await node.shell(
    `grep usage_usec ${directory}/cpu.stat; cat ${directory}/memory.current; grep '^inactive_file' ${directory}/memory.stat`,
  );
  const [cpu, usage, inactive] = text.trim().split('\n');
  return {
    cpu: Number(cpu?.split(' ')[1]) * 1000,
    workingSet: Number(usage) - Number(inactive?.split(' ')[1]),
  };
}

function isBetween(value: number, before: number, after: number): boolean {
  return value >= Math.min(before, after) * 0.98 && value <= Math.max(before, after) * 1.02;
}
