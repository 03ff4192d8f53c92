// The real kubelet and kube-proxy on nodes of a sandbox: what nodelet is compared with.
import { buildConflist, CONFLIST_NAME } from '../../cni/build-conflist.ts';
import { Kubelet } from '../race-run/kubelet.ts';
import { type SandboxNode, writeNodeFile } from '../sandbox/node.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { type Log, step } from '../sandbox/step.ts';
import { waitFor, waitUntil } from '../sandbox/wait.ts';

const READY_TIMEOUT_MS = 120_000;

interface Progress {
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** The kubelet and kube-proxy on these nodes, and what a network add-on would do for them. */
export async function startKubelets(
  sandbox: Sandbox,
  nodes: readonly SandboxNode[],
  { signal, log }: Progress,
): Promise<void> {
  for (const node of nodes) {
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
  await routeBetweenNodes(sandbox, nodes, signal);
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

/** The given nodes learn the way to the others' pods; nodelet finds its own. */
async function routeBetweenNodes(
  sandbox: Sandbox,
  nodes: readonly SandboxNode[],
  signal: AbortSignal,
): Promise<void> {
  for (const target of sandbox.nodes) {
    const podCIDR = await readNode(sandbox, target, POD_CIDR, signal);
    if (podCIDR === undefined) throw new Error(`${target.name} has no pod CIDR`);
    for (const node of nodes) {
      if (node === target) continue;
      await node.execOk('ip', ['route', 'replace', podCIDR, 'via', target.address], { signal });
    }
  }
}
