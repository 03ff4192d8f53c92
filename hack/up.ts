import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { ensureDnsWithImage } from './sandbox/cluster-dns.ts';
import { runCommand, timedLog } from './sandbox/command.ts';
import { CHECKOUT } from './sandbox/paths.ts';
import { createSandbox, type Sandbox } from './sandbox/sandbox.ts';
import { startAgents } from './sandbox/start-agents.ts';
import { type Log, step } from './sandbox/step.ts';

const DEMO = join(CHECKOUT, 'hack', 'demo');

interface UpOptions {
  readonly name: string;
  readonly nodes?: number;
  readonly agent: boolean;
  readonly demo: boolean;
  readonly restartAgent?: boolean;
  readonly dualStack?: true;
}

interface Progress {
  readonly signal: AbortSignal;
  readonly log: Log;
}

const command = new Command('hack/up')
  .description('starts a control plane and nodes on this machine, or repairs and resizes what is there')
  .option('--name <name>', 'name of the sandbox', 'dev')
  .option('--nodes <count>', 'number of nodes (default: as many as there are, at least 1)', parseNodeCount)
  .option('--dual-stack', 'IPv6 beside IPv4; only for a sandbox that is made anew')
  .option('--no-agent', 'leave the nodes without nodelet')
  .option('--restart-agent', 'start nodelet anew, with the code as it is now; pods keep running')
  .option('--no-demo', 'leave the cluster empty')
  .action(async (options: UpOptions) => await runCommand(async signal => await up(options, signal)));

await command.parseAsync();

async function up(
  { name, nodes, agent, demo, restartAgent, dualStack: isDualStack }: UpOptions,
  signal: AbortSignal,
): Promise<void> {
  const progress = { signal, log: timedLog() };
  const sandbox = await createSandbox(
    { name, ...(nodes !== undefined && { nodeCount: nodes }), ...(isDualStack && { isDualStack }) },
    progress,
  );
  if (restartAgent) await Promise.all(sandbox.nodes.map(async node => await node.agent.stop()));
  if (agent) await startAgents(sandbox, progress);
  const hasDemo = agent && demo;
  if (hasDemo) await applyDemo(sandbox, progress);
  progress.log('up');
  printNextSteps(sandbox, agent, hasDemo);
}

async function applyDemo(sandbox: Sandbox, { signal, log }: Progress): Promise<void> {
  const advice = './hack/kubectl describe pods --all-namespaces';
  await step('demo: cluster DNS', { log, advice }, async () => {
    await ensureDnsWithImage(sandbox, { signal, log });
  });
  await step('demo: a web server and a pod with volumes', { log, advice }, async () => {
    await sandbox.kubectl(['apply', '-f', DEMO], { signal });
    for (const name of ['web', 'notes']) {
      await sandbox.kubectl(['rollout', 'status', `deployment/${name}`, '--timeout=60s'], { signal });
    }
  });
}

function printNextSteps({ name, nodes }: Sandbox, hasAgent: boolean, hasDemo: boolean): void {
  const sudo = process.env['SUDO_USER'] === undefined ? '' : 'sudo ';
  const kubectl = `${sudo}${name === 'dev' ? '' : `NODELET_SANDBOX=${name} `}./hack/kubectl`;
  const flag = name === 'dev' ? '' : ` --name ${name}`;
  const node = nodes[0]?.name ?? '';
  const lines = [
    [`${kubectl} get pods -o wide`, 'what runs where'],
    [`${sudo}./hack/node${flag} ${node} -- ctr -n k8s.io tasks list`, 'the same as containerd sees it'],
    [`${sudo}./hack/node${flag} ${node}`, 'a shell on the node'],
    ...(hasAgent ? [[`${sudo}./hack/node${flag} ${node} -- nodelet status`, 'the node on one screen']] : []),
    ...(hasAgent ? [[`tail -f ${nodes[0]?.agent.logPath ?? ''}`, 'what nodelet says']] : []),
    ...(hasDemo ? [[`${kubectl} exec deploy/web -- /web get http://web/`, 'the demo, by its name']] : []),
    [`${sudo}./hack/down${flag}`, 'removes all of it'],
  ];
  const width = Math.max(...lines.map(([line = '']) => line.length));
  console.log('\nTry next:');
  for (const [line = '', meaning = ''] of lines) console.log(`  ${line.padEnd(width)}  # ${meaning}`);
}

function parseNodeCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 9) throw new InvalidArgumentError('expected 1 to 9');
  return count;
}
