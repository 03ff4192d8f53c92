// A sandbox: one control plane and its nodes on this machine, all state of it under one directory.
// `createSandbox` brings whatever is there to what was asked for, so running it again is how it is repaired.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../agent/lib/atomic-file.ts';
import { ifThere } from '../../agent/lib/if-there.ts';
import { buildAgentConfig } from './agent-config.ts';
import { destroyCgroup } from './cgroups.ts';
import { applyClusterBasics } from './cluster-basics.ts';
import { ControlPlane } from './control-plane.ts';
import { ensureControlPlaneBuilt } from './control-plane-build.ts';
import { ensureImages } from './images.ts';
import { releaseMounts } from './mounts.ts';
import {
  claimSubnet,
  ensureControlPlaneNetwork,
  ensureNodeNetwork,
  hostLinkName,
  nodeAddress,
  nodeAddress6,
  releaseSubnets,
  removeHostLink,
  routePods,
  type SandboxSubnet,
  sandboxSubnet,
} from './network.ts';
import { type NodeSpec, readCgroupLayout, SandboxNode, writeNodeFile } from './node.ts';
import { type SandboxPaths, sandboxPaths } from './paths.ts';
import { ensureClusterPki, ensureNodePki, kubeconfigPath } from './pki/cluster-pki.ts';
import { CommandError, type RunResult, run } from './run.ts';
import { withSandboxLock } from './sandbox-lock.ts';
import { type Log, step } from './step.ts';

const MAX_LINK_NAME_BYTES = 15; // IFNAMSIZ less the closing zero

export interface SandboxOptions {
  readonly name: string;
  /** Left out: as many as there are, at least one. */
  readonly nodeCount?: number;
  /** Directories with another containerd than the machine's own, one per node. */
  readonly containerdDirectories?: readonly string[];
  /** IPv6 beside IPv4, for nodes, pods and Services. Once made, a sandbox stays what it is. */
  readonly isDualStack?: boolean;
}

interface SandboxState {
  readonly name: string;
  readonly subnetIndex: number;
  readonly nodes: readonly NodeSpec[];
  readonly isDualStack?: boolean;
}

interface Progress {
  readonly signal: AbortSignal;
  readonly log: Log;
}

export interface KubectlOptions {
  readonly signal: AbortSignal;
  /** Standard input, for `apply -f -`. */
  readonly input?: string;
}

export class Sandbox {
  readonly name: string;
  readonly paths: SandboxPaths;
  readonly subnet: SandboxSubnet;
  readonly controlPlane: ControlPlane;
  readonly nodes: readonly SandboxNode[];
  readonly adminKubeconfigPath: string;
  /** The API server's URL, the same from the host and from nodes. */
  readonly server: string;

  constructor(state: SandboxState, layout: Awaited<ReturnType<typeof readCgroupLayout>>) {
    this.name = state.name;
    this.paths = sandboxPaths(state.name);
    this.subnet = sandboxSubnet(state.subnetIndex);
    this.server = `https://${this.subnet.controlPlane}:6443`;
    this.adminKubeconfigPath = kubeconfigPath(this.paths.pki, 'admin');
    this.controlPlane = new ControlPlane({
      directory: this.paths.controlPlane,
      binDirectory: this.paths.bin,
      cgroup: `${sandboxCgroup(state.name)}/control-plane`,
      address: this.subnet.controlPlane,
      pkiDirectory: this.paths.pki,
      kubeconfig: this.adminKubeconfigPath,
      isDualStack: state.isDualStack ?? false,
    });
    this.nodes = state.nodes.map(
      spec =>
        new SandboxNode(spec, {
          ...layout,
          directory: join(this.paths.nodes, spec.name),
          cgroup: `${sandboxCgroup(state.name)}/${spec.name}`,
          dnsServer: this.subnet.controlPlane,
        }),
    );
  }

  /** The node with this name; the first one when none is given. */
  node(name?: string): SandboxNode {
    const node = name === undefined ? this.nodes[0] : this.nodes.find(candidate => candidate.name === name);
    if (node === undefined)
      throw new Error(`no node ${name ?? ''}; there are ${this.nodes.map(n => n.name).join(', ')}`);
    return node;
  }

  /** kubectl as cluster administrator; returns stdout, throws for any exit status but 0. */
  async kubectl(args: readonly string[], options: KubectlOptions): Promise<string> {
    const result = await this.tryKubectl(args, options);
    if (result.exitCode !== 0) throw new CommandError(`kubectl ${args.join(' ')}`, result);
    return result.stdout;
  }

  /** Like `kubectl`, with any exit status as a result. */
  async tryKubectl(args: readonly string[], options: KubectlOptions): Promise<RunResult> {
    const kubectl = join(this.paths.bin, 'kubectl');
    return await run(kubectl, [`--kubeconfig=${this.adminKubeconfigPath}`, ...args], options);
  }

  /** Teaches the control plane the way to the pods of all registered nodes. */
  async routePods({ signal }: { signal: AbortSignal }): Promise<void> {
    const template = '{range .items[*]}{.metadata.name} {.spec.podCIDRs[*]}{"\\n"}{end}';
    const output = await this.kubectl(['get', 'nodes', '-o', `jsonpath=${template}`], { signal });
    const routes = output.split('\n').flatMap(line => {
      const [name, ...podCIDRs] = line.split(' ');
      const node = this.nodes.find(candidate => candidate.name === name);
      return podCIDRs.flatMap(podCIDR => {
        const nodeAddress = podCIDR.includes(':') ? node?.address6 : node?.address;
        return nodeAddress === undefined || podCIDR === '' ? [] : [{ podCIDR, nodeAddress }];
      });
    });
    const holder = await this.controlPlane.holder.findProcess();
    if (holder !== undefined) await routePods(holder.pid, routes, { signal });
  }
}

/** Makes a sandbox, or brings the one that is there to what is asked for. Starts no agent. */
export async function createSandbox(options: SandboxOptions, progress: Progress): Promise<Sandbox> {
  checkName(options.name);
  const paths = sandboxPaths(options.name);
  const programs = await ensureControlPlaneBuilt(progress);
  const images = await ensureImages(progress);
  await mkdir(paths.root, { recursive: true, mode: 0o755 });
  return await withSandboxLock(paths.lock, async () => {
    const before = await readState(options.name);
    const state = await planState(options, before);
    await removeSurplusNodes(before, state, progress);
    await writeFileAtomic(paths.state, JSON.stringify(state, null, 2), 0o644);
    await rm(paths.bin, { force: true });
    await symlink(programs, paths.bin);
    const sandbox = new Sandbox(state, await readCgroupLayout());

    const advice = `./hack/down --name ${options.name}, then up again; the logs are under ${paths.root}.`;
    const again = { log: progress.log, advice };
    const pki = await ensureClusterPki(paths.pki, sandbox.subnet.controlPlane);
    await step('control plane: starting', again, async () => {
      const { pid } = await sandbox.controlPlane.holder.ensureStarted(progress);
      const network = { ...progress, isDualStack: state.isDualStack ?? false };
      await ensureControlPlaneNetwork(options.name, sandbox.subnet, pid, network);
      await sandbox.controlPlane.ensureStarted(progress);
    });
    for (const node of sandbox.nodes) {
      await ensureNodePki(pki, node.name, node.address);
      await writeAgentFiles(node, paths.pki);
      await step(
        `${node.name}: namespaces, network, containerd`,
        { ...again, logPath: node.containerd.logPath },
        async () => {
          await startNode(sandbox, node, progress);
        },
      );
      await step(`${node.name}: test images`, again, async () => await node.ensureImages(images, progress));
    }
    await step('control plane: waiting until it serves', again, async () => {
      await sandbox.controlPlane.waitReady(progress);
      const kubectl = async (args: readonly string[], { input }: { input: string }) =>
        await sandbox.kubectl(args, { input, signal: progress.signal });
      await applyClusterBasics(kubectl, pki);
    });
    return sandbox;
  });
}

/** The sandbox as it was last created, or undefined. */
export async function openSandbox(name: string): Promise<Sandbox | undefined> {
  const state = await readState(name);
  return state && new Sandbox(state, await readCgroupLayout());
}

/** Removes everything of a sandbox, however much of it there is. */
export async function destroySandbox(name: string, { signal, log }: Progress): Promise<void> {
  checkName(name);
  const paths = sandboxPaths(name);
  const advice = 'run it again; a process in state D ends when its disk or network answers.';
  await step(`removing sandbox ${name}`, { log, advice }, async () => {
    await destroyCgroup(sandboxCgroup(name));
    await removeHostLink(name, { signal });
    await releaseMounts(paths.root, { signal });
    await rm(paths.root, { recursive: true, force: true });
    await releaseSubnets(name);
  });
}

async function startNode(sandbox: Sandbox, node: SandboxNode, { signal }: Progress): Promise<void> {
  const controlPlane = await sandbox.controlPlane.holder.ensureStarted({ signal });
  const { pid } = await node.holder.ensureStarted({ signal });
  const link = { nodeName: node.name, address: node.address, address6: node.address6, nodePid: pid };
  await ensureNodeNetwork({ ...link, controlPlanePid: controlPlane.pid, subnet: sandbox.subnet }, { signal });
  await node.containerd.ensureStarted({ signal });
}

async function writeAgentFiles(node: SandboxNode, pkiDirectory: string): Promise<void> {
  const copy = async (from: string, to: string, mode: number) =>
    await writeNodeFile(node, `/etc/nodelet/${to}`, await readFile(from, 'utf8'), mode);
  await copy(kubeconfigPath(pkiDirectory, node.name), 'kubeconfig', 0o600);
  await copy(join(pkiDirectory, 'ca.crt'), 'ca.crt', 0o644);
  await copy(join(pkiDirectory, `${node.name}-serving.crt`), 'serving.crt', 0o644);
  await copy(join(pkiDirectory, `${node.name}-serving.key`), 'serving.key', 0o600);
  await writeNodeFile(node, '/etc/nodelet/config.yaml', buildAgentConfig(node));
}

async function planState(options: SandboxOptions, before: SandboxState | undefined): Promise<SandboxState> {
  const subnetIndex = before?.subnetIndex ?? (await claimSubnet(options.name)).index;
  const nodeCount = options.nodeCount ?? Math.max(1, before?.nodes.length ?? 0);
  const isDualStack = options.isDualStack ?? before?.isDualStack ?? false;
  if (before && isDualStack !== (before.isDualStack ?? false))
    throw new Error(
      `sandbox ${options.name} has other IP families: ./hack/down --name ${options.name} first`,
    );
  const subnet = sandboxSubnet(subnetIndex);
  const nodes = Array.from({ length: nodeCount }, (_, index): NodeSpec => {
    const known = before?.nodes[index];
    const containerdDirectory = options.containerdDirectories?.[index] ?? known?.containerdDirectory;
    return {
      name: `node-${index + 1}`,
      address: nodeAddress(subnet, index + 1),
      ...(isDualStack ? { address6: nodeAddress6(subnet, index + 1) } : {}),
      machineID: known?.machineID ?? randomBytes(16).toString('hex'),
      ...(containerdDirectory === undefined ? {} : { containerdDirectory }),
    };
  });
  return { name: options.name, subnetIndex, nodes, isDualStack };
}

async function removeSurplusNodes(
  before: SandboxState | undefined,
  after: SandboxState,
  { signal, log }: Progress,
): Promise<void> {
  const surplus = before?.nodes.slice(after.nodes.length) ?? [];
  if (before === undefined || surplus.length === 0) return;
  const sandbox = new Sandbox(before, await readCgroupLayout());
  for (const { name } of surplus) {
    const advice = 'run it again.';
    await step(`${name}: removing`, { log, advice }, async () => {
      await sandbox.node(name).destroy();
      // Without an API server the Node object stays behind; it goes with its cluster.
      await sandbox.tryKubectl(['delete', 'node', name, '--ignore-not-found', '--request-timeout=5s'], {
        signal,
      });
    });
  }
}

async function readState(name: string): Promise<SandboxState | undefined> {
  const text = await ifThere(readFile(sandboxPaths(name).state, 'utf8'));
  return text === undefined ? undefined : (JSON.parse(text) as SandboxState); // written whole by us alone
}

function sandboxCgroup(name: string): string {
  return `nodelet/${name}`;
}

function checkName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name) || hostLinkName(name).length > MAX_LINK_NAME_BYTES) {
    throw new Error(`sandbox name ${name}: expected at most 12 of a-z, 0-9 and -`);
  }
}
