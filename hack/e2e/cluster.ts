// The cluster that is judged: a sandbox with one agent or the other on its nodes, the suite's images, cluster DNS.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildConflist, CONFLIST_NAME } from '../../cni/build-conflist.ts';
import { Kubelet } from '../race-run/kubelet.ts';
import { CLUSTER_DNS } from '../sandbox/control-plane-flags.ts';
import { type SandboxNode, writeNodeFile } from '../sandbox/node.ts';
import { createSandbox, type Sandbox } from '../sandbox/sandbox.ts';
import { startAgents } from '../sandbox/start-agents.ts';
import { type Log, step } from '../sandbox/step.ts';
import { waitFor, waitUntil } from '../sandbox/wait.ts';
import { COREDNS_IMAGE, type SuiteImages } from './images.ts';
import { ensureRegistry } from './registry.ts';

export type AgentName = 'nodelet' | 'kubelet';

const READY_TIMEOUT_MS = 120_000;

interface Progress {
  readonly signal: AbortSignal;
  readonly log: Log;
}

export async function ensureCluster(
  options: {
    readonly name: string;
    readonly agent: AgentName;
    readonly nodeCount: number;
    readonly images: SuiteImages;
    readonly containerdDirectory?: string;
  },
  progress: Progress,
): Promise<Sandbox> {
  const { name, agent, nodeCount, images, containerdDirectory } = options;
  const sandbox = await createSandbox(
    {
      name,
      nodeCount,
      ...(containerdDirectory === undefined
        ? {}
        : { containerdDirectories: Array.from({ length: nodeCount }, () => containerdDirectory) }),
    },
    progress,
  );
  const advice = `./hack/down --name ${name}, then run it again.`;
  for (const node of sandbox.nodes) {
    await step(`${node.name}: images of the suite`, { log: progress.log, advice }, async () => {
      await node.ensureImages(images.archive, progress);
      await ensureRegistry(node, images.registryStore, progress);
    });
  }
  if (agent === 'nodelet') {
    // A sandbox that was kept is judged with the code as it is now.
    await Promise.all(sandbox.nodes.map(async node => await node.agent.stop()));
    await startAgents(sandbox, progress);
  } else await startKubelets(sandbox, progress);
  await step('cluster DNS', { log: progress.log, advice }, async () => await ensureDns(sandbox, progress));
  return sandbox;
}

/** The kubelet and kube-proxy on every node, and what a network add-on would do for them. */
async function startKubelets(sandbox: Sandbox, { signal, log }: Progress): Promise<void> {
  for (const node of sandbox.nodes) {
    const kubelet = new Kubelet({ node, binDirectory: sandbox.paths.bin, isTuned: false });
    const { logPath } = kubelet;
    await step(
      `${node.name}: kubelet and kube-proxy`,
      { log, logPath, advice: `read ${logPath}` },
      async () => {
        await kubelet.start({ signal });
        const podCIDR = await waitFor(
          'a pod CIDR',
          async () => await readNode(sandbox, node, POD_CIDR, signal),
          {
            signal,
            timeoutMs: READY_TIMEOUT_MS,
          },
        );
        const conflist = buildConflist({ podCIDRs: [podCIDR], bridgeName: 'cni0', mtu: 0 });
        await writeNodeFile(node, `/etc/cni/net.d/${CONFLIST_NAME}`, conflist);
        await node.execOk('sysctl', ['-qw', ...SYSCTLS], { signal });
        await waitUntil(
          `${node.name} to be Ready`,
          async () => (await readNode(sandbox, node, READY, signal)) === 'True',
          { signal, timeoutMs: READY_TIMEOUT_MS },
        );
      },
    );
  }
  await routeBetweenNodes(sandbox, signal);
  await sandbox.routePods({ signal });
}

// What makes a node forward, and lets the Service rules see traffic that a bridge switches.
const SYSCTLS = ['net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=1'];

const POD_CIDR = '{.spec.podCIDR}';
const READY = '{.status.conditions[?(@.type=="Ready")].status}';

async function readNode(
  sandbox: Sandbox,
  node: SandboxNode,
  template: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { stdout } = await sandbox.tryKubectl(['get', 'node', node.name, '-o', `jsonpath=${template}`], {
    signal,
  });
  return stdout === '' ? undefined : stdout;
}

async function routeBetweenNodes(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  for (const target of sandbox.nodes) {
    const podCIDR = await readNode(sandbox, target, POD_CIDR, signal);
    if (podCIDR === undefined) throw new Error(`${target.name} has no pod CIDR`);
    for (const node of sandbox.nodes) {
      if (node === target) continue;
      await node.execOk('ip', ['route', 'replace', podCIDR, 'via', target.address], { signal });
    }
  }
}

async function ensureDns(sandbox: Sandbox, { signal }: Progress): Promise<void> {
  const manifest = (await readFile(join(import.meta.dirname, 'coredns.yaml'), 'utf8'))
    .replaceAll('COREDNS_IMAGE', COREDNS_IMAGE)
    .replaceAll('CLUSTER_DNS', CLUSTER_DNS)
    .replaceAll('API_SERVER_HOST', sandbox.subnet.controlPlane);
  await sandbox.kubectl(['apply', '-f', '-'], { signal, input: manifest });
  const rollout = ['rollout', 'status', 'deployment/coredns', '--namespace=kube-system', '--timeout=120s'];
  await sandbox.kubectl(rollout, { signal });
}
