// The node the race runs on, seen from outside: its runtime, its processes, its connections.
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Pod } from '../../agent/api/objects.ts';
import { connectRuntime, type RuntimeConnection } from '../../agent/cri/connect.ts';
import type { RuntimeService } from '../../agent/cri/runtime-service.ts';
import type { SandboxNode } from '../sandbox/node.ts';

const UID_LABEL = 'io.kubernetes.pod.uid';
const ESTABLISHED = '01'; // proc_net_tcp(5)

export class RaceNode {
  readonly node: SandboxNode;
  readonly #holderPid: number;
  readonly #connection: RuntimeConnection;

  private constructor(node: SandboxNode, holderPid: number) {
    this.node = node;
    this.#holderPid = holderPid;
    const runtimeEndpoint = `unix:///proc/${holderPid}/root/run/containerd/containerd.sock`;
    this.#connection = connectRuntime({ runtimeEndpoint });
  }

  static async open(node: SandboxNode): Promise<RaceNode> {
    const holder = await node.holder.findProcess();
    if (holder === undefined) throw new Error(`${node.name} does not run`);
    return new RaceNode(node, holder.pid);
  }

  /** Has the node's namespaces. */
  get holderPid(): number {
    return this.#holderPid;
  }

  get runtime(): RuntimeService {
    return this.#connection.runtime;
  }

  close(): void {
    this.#connection.close();
  }

  /** Throws unless the runtime says that exactly what the status names is running. */
  async checkRunning(pod: Pod, options: { signal: AbortSignal }): Promise<void> {
    for (const { name, containerID = '' } of pod.status?.containerStatuses ?? []) {
      const { state } = await this.runtime.containerStatus(runtimeID(containerID), options);
      if (state !== 'CONTAINER_RUNNING') {
        throw new Error(`pod ${pod.metadata.name} says that ${name} runs, the runtime says ${state}`);
      }
    }
  }

  /** Throws when the runtime still runs anything of the pod. */
  async checkGone(podUID: string, options: { signal: AbortSignal }): Promise<void> {
    const filter = { labelSelector: { [UID_LABEL]: podUID } };
    const containers = await this.runtime.listContainers(filter, options);
    const sandboxes = await this.runtime.listPodSandbox(filter, options);
    const isAlive =
      containers.some(({ state }) => state === 'CONTAINER_RUNNING') ||
      sandboxes.some(({ state }) => state === 'SANDBOX_READY');
    if (isAlive) throw new Error(`pod ${podUID} is gone from the API while it still runs`);
  }

  /** The container's log file, by a path of the host's. */
  async findLogFile(containerID: string, options: { signal: AbortSignal }): Promise<string> {
    const { logPath } = await this.runtime.containerStatus(runtimeID(containerID), options);
    return `/proc/${this.#holderPid}/root${logPath}`;
  }

  /** Stops and removes every sandbox there is, so that whoever starts next finds nothing. */
  async removeAllSandboxes(options: { signal: AbortSignal }): Promise<void> {
    for (const { id } of await this.runtime.listPodSandbox({}, options)) {
      await this.runtime.stopPodSandbox(id, options);
      await this.runtime.removePodSandbox(id, options);
    }
  }

  /** Host pid of a container's first process. */
  async findContainerPid(containerID: string, options: { signal: AbortSignal }): Promise<number> {
    const { info = '{}' } = await this.runtime.containerInfo(runtimeID(containerID), options);
    const { pid: innerPid } = parseInfo(info);
    const namespace = await readlink(`/proc/${this.#holderPid}/root/proc/${innerPid}/ns/pid`);
    for (const entry of await readdir('/proc')) {
      if (/^\d+$/.test(entry) && (await isFirstProcess(entry, String(innerPid), namespace))) {
        return Number(entry);
      }
    }
    throw new Error(`no process ${innerPid} of container ${containerID}`);
  }

  /** Established connections of the node to port 6443. */
  async countApiConnections(): Promise<number> {
    const texts = await Promise.all(
      ['tcp', 'tcp6'].map(file => readFile(`/proc/${this.#holderPid}/net/${file}`, 'utf8')),
    );
    const rows = texts.flatMap(text => text.trim().split('\n').slice(1));
    return rows.filter(row => {
      const [, , remote = '', state] = row.trim().split(/\s+/);
      return state === ESTABLISHED && remote.endsWith(`:${(6443).toString(16).toUpperCase()}`);
    }).length;
  }

  /** Bytes that have passed the node's link to the API server, both ways. Pods without traffic of their own assumed. */
  async readLinkBytes(): Promise<number> {
    const text = await readFile(`/proc/${this.#holderPid}/net/dev`, 'utf8');
    const fields = /^\s*eth0:\s*(.*)$/m.exec(text)?.[1]?.split(/\s+/).map(Number) ?? [];
    return (fields[0] ?? 0) + (fields[8] ?? 0); // proc_pid_net(5): received bytes first, sent bytes ninth
  }
}

function runtimeID(containerID: string): string {
  return containerID.replace(/^containerd:\/\//, '');
}

function parseInfo(text: string): { readonly pid: number } {
  const info: unknown = JSON.parse(text);
  const pid = typeof info === 'object' && info !== null && 'pid' in info ? info.pid : undefined;
  if (typeof pid !== 'number') throw new Error('the runtime does not tell the pid of a container');
  return { pid };
}

async function isFirstProcess(pid: string, innerPid: string, namespace: string): Promise<boolean> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const pids = /^NSpid:\s*(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
    if (pids.at(-1) !== '1' || pids.at(-2) !== innerPid) return false;
    return (await readlink(`/proc/${pid}/ns/pid`)) === namespace;
  } catch {
    return false; // it ended while we looked
  }
}
