import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { addConfigFlags, checkRunnableConfig, loadCommandConfig } from './config-flags.ts';
import type { Exit } from './exit-codes.ts';

/** Runs the node until it is told to stop; the result is the exit code. `notices` are settings without effect, to log. */
export type RunAgent = (config: Config, notices: readonly string[]) => Promise<number>;

export function runCommand(runAgent: RunAgent, exit: Exit): Command {
  const command = new Command('run');
  return addConfigFlags(command).action(async () => {
    const { config, notices } = checkRunnableConfig(await loadCommandConfig(command));
    exit(await runAgent(config, notices));
  });
}
