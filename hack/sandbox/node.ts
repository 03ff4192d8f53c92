// One sandboxed node: its namespaces, its containerd, its agent.
import { mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentProcess } from './agent.ts';
import { type CgroupHierarchy, isUnified, listCgroupHierarchies } from './cgroups.ts';
import { Containerd } from './containerd.ts';
import { Holder } from './holder.ts';
import type { ImageArchive } from './images.ts';
import { buildNodeInit } from './node-init.ts';
import { CACHE_ROOT, CHECKOUT, STATE_ROOT } from './paths.ts';
import { CommandError, type RunOptions, type RunResult } from './run.ts';

export interface NodeSpec {
  readonly name: string;
  readonly address: string;
  /** In a dual-stack sandbox. */
  readonly address6?: string;
  /** 32 hexadecimal digits, machine-id(5). */
  readonly machineID: string;
  /** Where another containerd than the machine's own lies. */
  readonly containerdDirectory?: string;
}

const OWN_DIRECTORIES = [
  '/etc/cni',
  '/etc/containerd',
  '/etc/nodelet',
  '/var/lib/cni',
  '/var/lib/containerd',
  '/var/lib/kubelet',
  '/var/lib/nodelet',
  '/var/log/containers',
  '/var/log/pods',
];

export class SandboxNode {
  readonly name: string;
  readonly address: string;
  readonly address6: string | undefined;
  readonly directory: string;
  readonly holder: Holder;
  readonly containerd: Containerd;
  readonly agent: AgentProcess;

  constructor(
    spec: NodeSpec,
    options: {
      directory: string;
      cgroup: string;
      hierarchies: readonly CgroupHierarchy[];
      cgroupLinks: ReadonlyMap<string, string>;
      dnsServer: string;
    },
  ) {
    this.name = spec.name;
    this.address = spec.address;
    this.address6 = spec.address6;
    this.directory = options.directory;
    this.holder = new Holder({
      directory: options.directory,
      cgroup: options.cgroup,
      setUp: buildNodeInit({
        hostname: spec.name,
        hierarchies: options.hierarchies,
        cgroupLinks: options.cgroupLinks,
        sharedPaths: [STATE_ROOT, CACHE_ROOT, CHECKOUT],
        ownDirectories: new Map(OWN_DIRECTORIES.map(inside => [inside, this.hostPath(inside)])),
        files: new Map([
          ['/etc/hostname', `${spec.name}\n`],
          ['/etc/hosts', `127.0.0.1 localhost\n::1 localhost\n${spec.address} ${spec.name}\n`],
          ['/etc/machine-id', `${spec.machineID}\n`],
          ['/etc/resolv.conf', `nameserver ${options.dnsServer}\nsearch sandbox.internal\n`],
        ]),
      }),
    });
    this.containerd = new Containerd(this.holder, {
      directory: options.directory,
      configDirectory: this.hostPath('/etc/containerd'),
      ...(spec.containerdDirectory === undefined ? {} : { binDirectory: spec.containerdDirectory }),
    });
    this.agent = new AgentProcess(this.holder, options.directory);
  }

  /** Where one of the node's own directories lies on the host, e.g. of `/var/log/pods`. */
  hostPath(inside: string): string {
    return join(this.directory, 'root', inside);
  }

  /** A path of the node as the host reaches it while the node runs, e.g. of a socket in `/run`. */
  async pathFromHost(inside: string): Promise<string> {
    const holder = await this.holder.findProcess();
    if (holder === undefined) throw new Error(`${this.name} is not running`);
    return join(`/proc/${holder.pid}/root`, inside);
  }

  /** Runs a command on the node; any exit status is a result. */
  async exec(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
    return await this.holder.run(command, args, options);
  }

  /** Runs a command on the node and returns its stdout; throws for any exit status but 0. */
  async execOk(command: string, args: readonly string[], options: RunOptions): Promise<string> {
    const result = await this.exec(command, args, options);
    if (result.exitCode !== 0)
      throw new CommandError(`${this.name}: ${[command, ...args].join(' ')}`, result);
    return result.stdout;
  }

  async ensureImages(archive: ImageArchive, options: RunOptions): Promise<void> {
    // Named after the archive, in the directory that holds the images themselves.
    const marker = join(this.hostPath('/var/lib/containerd'), `${archive.id}.imported`);
    if (
      await readFile(marker).then(
        () => true,
        () => false,
      )
    )
      return;
    await this.containerd.ctr(['images', 'import', archive.path], options);
    await writeFile(marker, '');
  }

  async destroy(): Promise<void> {
    await this.holder.destroy();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** What every node of this machine is made from. */
export async function readCgroupLayout(): Promise<{
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly cgroupLinks: ReadonlyMap<string, string>;
}> {
  const hierarchies = await listCgroupHierarchies();
  if (isUnified(hierarchies)) return { hierarchies, cgroupLinks: new Map() };
  const links = (await readdir('/sys/fs/cgroup', { withFileTypes: true })).filter(entry =>
    entry.isSymbolicLink(),
  );
  const targets = links.map(
    async ({ name }): Promise<[string, string]> => [name, await readlink(join('/sys/fs/cgroup', name))],
  );
  return { hierarchies, cgroupLinks: new Map(await Promise.all(targets)) };
}

export async function writeNodeFile(
  node: SandboxNode,
  inside: string,
  content: string,
  mode = 0o644,
): Promise<void> {
  const path = node.hostPath(inside);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, content, { mode });
}
