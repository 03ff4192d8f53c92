import { join } from 'node:path';
import { Command } from 'commander';
import { runCommand } from './sandbox/command.ts';
import { CHECKOUT } from './sandbox/paths.ts';
import { openSandbox } from './sandbox/sandbox.ts';

const PROGRAMS = join(CHECKOUT, 'hack', 'sandbox', 'bin');

const command = new Command('hack/node')
  .description("runs a command, by default a shell, inside a node's namespaces")
  .option('--name <name>', 'name of the sandbox', 'dev')
  .argument('[node]', 'node-1 ..., or control-plane', 'node-1')
  .argument('[command...]', 'what to run there, after --')
  .action(
    async (node: string, words: readonly string[], { name }: { name: string }) =>
      await runCommand(async () => await enter(name, node, words)),
  );

await command.parseAsync();

async function enter(sandboxName: string, nodeName: string, words: readonly string[]): Promise<void> {
  const sandbox = await openSandbox(sandboxName);
  if (sandbox === undefined) throw new Error(`no sandbox ${sandboxName}: ./hack/up makes it`);
  const holder = nodeName === 'control-plane' ? sandbox.controlPlane.holder : sandbox.node(nodeName).holder;
  const [program = 'bash', ...args] = words;
  // With `nodelet` among the programs, as on a machine that has the package.
  const path = `PATH=${process.env['PATH'] ?? ''}:${PROGRAMS}`;
  process.exitCode = await holder.runInForeground('env', [path, program, ...args]);
}
