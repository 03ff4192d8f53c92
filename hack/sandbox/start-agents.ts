import type { SandboxNode } from './node.ts';
import type { Sandbox } from './sandbox.ts';
import { type Log, step } from './step.ts';
import { waitUntil } from './wait.ts';

const NODE_READY_TIMEOUT_MS = 60_000;

/** Starts nodelet on every node, or on those given, where it does not run, and waits until all of them are Ready. */
export async function startAgents(
  sandbox: Sandbox,
  {
    signal,
    log,
    nodes = sandbox.nodes,
  }: { readonly signal: AbortSignal; readonly log: Log; readonly nodes?: readonly SandboxNode[] },
): Promise<void> {
  for (const node of nodes) {
    const { logPath } = node.agent;
    const advice = `read ${logPath}; \`sudo ./hack/node ${node.name}\` gives a shell on the node.`;
    await step(`${node.name}: nodelet`, { log, logPath, advice }, async () => {
      await node.agent.ensureStarted({ signal });
      await waitUntil(
        `${node.name} to be Ready`,
        async () => {
          if (!(await node.agent.isRunning())) throw new Error('nodelet has ended');
          const condition = '{.status.conditions[?(@.type=="Ready")].status}';
          const { stdout } = await sandbox.tryKubectl(
            ['get', 'node', node.name, '-o', `jsonpath=${condition}`],
            { signal },
          );
          return stdout === 'True';
        },
        { signal, timeoutMs: NODE_READY_TIMEOUT_MS },
      );
    });
  }
  await sandbox.routePods({ signal });
}
