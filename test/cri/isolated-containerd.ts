// A containerd of the test's own: its directories in a temporary one, in mount, network and PID namespaces that end
// with it. NODELET_CONTAINERD_BIN chooses the directory of containerd, ctr and the shim.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type TinyImage, writeImageArchive } from './tiny-image.ts';

const run = promisify(execFile);

const BIN_DIRECTORY = process.env['NODELET_CONTAINERD_BIN'] ?? '/usr/bin';
const PAUSE_IMAGE: TinyImage = { name: 'nodelet.test/pause:1', command: ['/bin/sleep', 'infinity'] };
const START_DEADLINE_MS = 30_000;
const CGROUP_ROOT = '/sys/fs/cgroup';

// The first process reaps the shims; the loop starts containerd again when it is killed, and the shims stay.
const INSIDE = `
set -e
mount -t tmpfs tmpfs /run
ip link set lo up
set +e
while :; do "$1/containerd" --config "$2"; sleep 0.2; done
`;

export interface IsolatedContainerd {
  readonly endpoint: string;
  /** A parent for the sandboxes' cgroups, removed at the end. */
  readonly cgroupParent: string;
  readonly directory: string;
  /** What containerd has written so far. */
  readLog(): Promise<string>;
  importImage(image: TinyImage): Promise<void>;
  /** To the daemon alone, not to its shims. */
  signalDaemon(signal: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

export async function startIsolatedContainerd(): Promise<IsolatedContainerd> {
  const directory = await mkdtemp(join(tmpdir(), 'nodelet-cri-'));
  const socketPath = join(directory, 'containerd.sock');
  const configPath = join(directory, 'config.toml');
  const logPath = join(directory, 'containerd.log');
  await mkdir(join(directory, 'cni'));
  await writeFile(configPath, buildConfig(directory, socketPath));
  const child = startInNamespaces(configPath, logPath);

  const ctr = (...args: readonly string[]): Promise<unknown> =>
    run(join(BIN_DIRECTORY, 'ctr'), ['--address', socketPath, '--namespace', 'k8s.io', ...args]);
  const containerd: IsolatedContainerd = {
    endpoint: `unix://${socketPath}`,
    cgroupParent: `/nodelet-test-cri-${process.pid}`,
    directory,
    readLog: () => readFile(logPath, 'utf8'),
    importImage: async image => {
      const archivePath = join(directory, 'image.tar');
      await writeImageArchive(archivePath, image);
      await ctr('images', 'import', archivePath);
    },
    signalDaemon: async signal => {
      const pid = await findDaemon(child);
      process.kill(pid, signal);
      // The signal reaches the threads one by one, and those that still run may answer a call.
      if (signal === 'SIGSTOP') await untilStopped(pid);
    },
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL'); // unshare --kill-child takes everything inside along
      await exited;
      await removeCgroups(`nodelet-test-cri-${process.pid}`);
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await waitUntilServing(() => ctr('version'), child);
    await containerd.importImage(PAUSE_IMAGE);
  } catch (error) {
    const log = await containerd.readLog();
    await containerd.stop();
    throw new Error(`containerd does not serve; its log ends with\n${log.slice(-2000)}`, { cause: error });
  }
  return containerd;
}

function startInNamespaces(configPath: string, logPath: string): ChildProcess {
  const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const inside = ['tini', '--', 'sh', '-c', INSIDE, 'sh', BIN_DIRECTORY, configPath];
  const child = spawn('unshare', [...namespaces, ...inside], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${BIN_DIRECTORY}:/usr/sbin:/usr/bin:/sbin:/bin` },
  });
  const log = createWriteStream(logPath);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  return child;
}

// Version 2 of the format is what 1.6 writes and 2.x still reads.
function buildConfig(directory: string, socketPath: string): string {
  return `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "${socketPath}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE.name}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${directory}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`;
}

async function waitUntilServing(probe: () => Promise<unknown>, child: ChildProcess): Promise<void> {
  const deadlineAtMs = Date.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      await probe();
      return;
    } catch (error) {
      if (Date.now() > deadlineAtMs || child.exitCode !== null) throw error;
      await delay(100);
    }
  }
}

// unshare -> tini -> sh -> containerd
async function findDaemon(child: ChildProcess): Promise<number> {
  let pid = child.pid ?? 0;
  for (const depth of ['tini', 'sh', 'containerd']) {
    const children = await childrenOf(pid);
    const found = await Promise.all(children.map(async each => [each, await commandOf(each)] as const));
    const next = found.find(([, command]) => command === depth);
    if (!next) throw new Error(`no ${depth} below process ${pid}`);
    pid = next[0];
  }
  return pid;
}

async function untilStopped(pid: number): Promise<void> {
  const isStopped = async (thread: string): Promise<boolean> =>
    / T \d+ /.test(await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8'));
  for (;;) {
    const states = await Promise.all((await readdir(`/proc/${pid}/task`)).map(isStopped));
    if (!states.includes(false)) return;
    await delay(5);
  }
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

async function commandOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
}

// cgroups belong to no mount namespace: one directory in each version 1 controller, or one alone in version 2.
async function removeCgroups(name: string): Promise<void> {
  const places = [CGROUP_ROOT, ...(await readdir(CGROUP_ROOT)).map(each => join(CGROUP_ROOT, each))];
  for (const place of places) await removeCgroup(join(place, name));
}

async function removeCgroup(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined); // mostly: not there
  if (!entries) return;
  for (const entry of entries) if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  await removeEmptied(path);
}

// The killed processes leave a moment later.
async function removeEmptied(path: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await rmdir(path);
      return;
    } catch (error) {
      if (attempt === 50) throw error;
      await delay(100);
    }
  }
}
