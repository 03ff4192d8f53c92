// The cluster that is judged: a sandbox with one agent or the other on its nodes, the suite's images, cluster DNS.
import { ensureDns } from '../sandbox/cluster-dns.ts';
import { createSandbox, type Sandbox } from '../sandbox/sandbox.ts';
import { startAgents } from '../sandbox/start-agents.ts';
import { type Log, step } from '../sandbox/step.ts';
import type { SuiteImages } from './images.ts';
import { startKubelets } from './kubelet-nodes.ts';
import { ensureRegistry } from './registry.ts';

export type AgentName = 'nodelet' | 'kubelet';

// Specs of traffic distribution want three zones; fewer would only make others slower.
const ZONES = 3;

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
  } else await startKubelets(sandbox, sandbox.nodes, progress);
  if (nodeCount >= ZONES) await nameZones(sandbox, progress);
  await step('cluster DNS', { log: progress.log, advice }, async () => await ensureDns(sandbox, progress));
  return sandbox;
}

async function nameZones(sandbox: Sandbox, { signal }: Progress): Promise<void> {
  for (const [index, { name }] of sandbox.nodes.entries()) {
    const zone = `topology.kubernetes.io/zone=zone-${(index % ZONES) + 1}`;
    await sandbox.kubectl(['label', '--overwrite', 'node', name, zone], { signal });
  }
}
