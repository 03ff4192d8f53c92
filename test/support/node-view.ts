// A node as a person on it sees it: what its runtime lists, its processes, mounts, links, cgroups and files.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectRuntime, type RuntimeConnection } from '../../agent/cri/connect.ts';
import type { RuntimeService } from '../../agent/cri/runtime-service.ts';
import { ifThere } from '../../agent/lib/if-there.ts';
import type { Container, PodSandbox } from '../../cri-proto/runtime.v1.ts';
import type { SandboxNode } from '../../hack/sandbox/node.ts';

const { signal } = new AbortController();

export interface NodeProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

export class NodeView {
  readonly node: SandboxNode;
  readonly #connection: RuntimeConnection;

  private constructor(node: SandboxNode, connection: RuntimeConnection) {
    this.node = node;
    this.#connection = connection;
  }

  static async open(node: SandboxNode): Promise<NodeView> {
    const holder = await node.holder.findProcess();
    if (holder === undefined) throw new Error(`${node.name} does not run`);
    const runtimeEndpoint = `unix:///proc/${holder.pid}/root/run/containerd/containerd.sock`;
    return new NodeView(node, connectRuntime({ runtimeEndpoint }));
  }

  get name(): string {
    return this.node.name;
  }

  get runtime(): RuntimeService {
    return this.#connection.runtime;
  }

  close(): void {
    this.#connection.close();
  }

  /** stdout of a command on the node; throws unless it exits with 0. */
  async run(command: string, ...args: string[]): Promise<string> {
    return await this.node.execOk(command, args, { signal });
  }

  /** stdout of a shell line on the node. */
  async shell(line: string): Promise<string> {
    return await this.run('sh', '-c', line);
  }

  /** Containers of the pod, newest first. */
  async containers(podUID: string): Promise<readonly Container[]> {
    const filter = { labelSelector: { 'io.kubernetes.pod.uid': podUID } };
    const containers = await this.runtime.listContainers(filter, { signal });
    return containers.toSorted((a, b) => Number(BigInt(b.createdAt) - BigInt(a.createdAt)));
  }

  async sandboxes(podUID: string): Promise<readonly PodSandbox[]> {
    return await this.runtime.listPodSandbox(
      { labelSelector: { 'io.kubernetes.pod.uid': podUID } },
      { signal },
    );
  }

  /** The newest instance of the pod's container. */
  async container(podUID: string, name: string): Promise<Container> {
    const found = (await this.containers(podUID)).find(({ metadata }) => metadata?.name === name);
    if (found === undefined) throw new Error(`no container ${name} of pod ${podUID} on ${this.name}`);
    return found;
  }

  /** Runs a command in the pod's container; stdout. Throws unless it exits with 0. */
  async exec(podUID: string, containerName: string, ...command: string[]): Promise<string> {
    const { id } = await this.container(podUID, containerName);
    const { stdout, stderr, exitCode } = await this.runtime.execSync(id, command, 10, { signal });
    if (exitCode !== 0)
      throw new Error(`${command.join(' ')}: exit code ${exitCode}: ${String(stdout)}${String(stderr)}`);
    return stdout.toString();
  }

  /** A file of the node's own directories, e.g. `/var/log/pods/...`. */
  async readFile(path: string): Promise<string> {
    return await readFile(this.node.hostPath(path), 'utf8');
  }

  /** Names in one of the node's own directories; none when it is not there. */
  async list(path: string): Promise<readonly string[]> {
    const names = await ifThere(readdir(this.node.hostPath(path)));
    return names?.toSorted() ?? [];
  }

  async processes(): Promise<readonly NodeProcess[]> {
    const lines = (await this.run('ps', '-eo', 'pid=,ppid=,args=')).trim().split('\n');
    return lines.map(line => {
      const [pid = '', parent = '', ...words] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), command: words.join(' ') };
    });
  }

  /** Directories below kubepods, as seen on the node, e.g. `/kubepods/besteffort/pod<uid>`; of one v1 controller or of v2. */
  async cgroups(controller = 'memory'): Promise<readonly string[]> {
    const root = await this.cgroupRoot(controller);
    const found = await this.shell(`find ${root}/kubepods -type d 2>/dev/null || true`);
    return found
      .split('\n')
      .filter(Boolean)
      .map(path => path.slice(root.length));
  }

  async cgroupRoot(controller: string): Promise<string> {
    const isUnified =
      (await this.shell('test -e /sys/fs/cgroup/cgroup.controllers && echo 2 || echo 1')).trim() === '2';
    return isUnified ? '/sys/fs/cgroup' : join('/sys/fs/cgroup', controller);
  }

  /** Everything that a pod may leave behind, one line each. */
  async remnants(): Promise<readonly string[]> {
    const lines = async (title: string, script: string) =>
      (await this.shell(script))
        .split('\n')
        .filter(Boolean)
        .map(line => `${title} ${line}`);
    return (
      await Promise.all([
        this.runtime
          .listContainers({}, { signal })
          .then(list => list.map(({ id, metadata }) => `container ${id} ${metadata?.name ?? ''}`)),
        this.runtime
          .listPodSandbox({}, { signal })
          .then(list => list.map(({ id, metadata }) => `sandbox ${id} ${metadata?.name ?? ''}`)),
        lines('network namespace', 'ls /run/netns /var/run/netns 2>/dev/null | grep ^cni- | sort -u || true'),
        lines('link', "ip -o link show type veth | grep -o 'veth[0-9a-f]*' | sort -u || true"),
        lines('mount', "grep -o ' /var/lib/kubelet/pods[^ ]*' /proc/self/mountinfo || true"),
        lines('directory', 'ls -d /var/lib/kubelet/pods/* 2>/dev/null || true'),
        lines('log', 'ls -d /var/log/pods/* /var/log/containers/* 2>/dev/null || true'),
        lines(
          'reservation',
          'find /var/lib/cni/networks -type f 2>/dev/null | grep -E "/[0-9a-f.:]+$" || true',
        ),
        lines('process', "ps -eo args= | grep -E '^(/pause|[^ ]*containerd-shim)' || true"),
        this.cgroups().then(paths =>
          paths.filter(path => /\/pod[0-9a-f-]+/.test(path)).map(path => `cgroup ${path}`),
        ),
      ])
    ).flat();
  }
}
