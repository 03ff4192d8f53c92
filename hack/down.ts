import { Command } from 'commander';
import { runCommand, timedLog } from './sandbox/command.ts';
import { destroySandbox } from './sandbox/sandbox.ts';

const command = new Command('hack/down')
  .description('removes a sandbox; only /var/cache/nodelet stays')
  .option('--name <name>', 'name of the sandbox', 'dev')
  .action(
    async ({ name }: { name: string }) =>
      await runCommand(async signal => await destroySandbox(name, { signal, log: timedLog() })),
  );

await command.parseAsync();
