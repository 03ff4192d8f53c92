import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { checkRunnable } from '../config/load-config.ts';
import { formatProblem } from '../config/origin.ts';
import { addConfigFlags, loadCommandConfig } from './config-flags.ts';
import { EXIT_CONFIG } from './exit-codes.ts';
import { complain, type Output } from './output.ts';

/** Runs the node until it is told to stop; the result is the exit code. `notices` are settings without effect, to log. */
export type RunAgent = (config: Config, notices: readonly string[]) => Promise<number>;

export function runCommand(runAgent: RunAgent, output: Output, exit: (code: number) => void): Command {
  const command = new Command('run');
  return addConfigFlags(command).action(async () => {
    const loaded = await loadCommandConfig(command, output);
    if (loaded === undefined) {
      exit(EXIT_CONFIG);
      return;
    }
    const problems = checkRunnable(loaded.config);
    for (const problem of problems) complain(output, `configuration: ${formatProblem(problem)}`);
    exit(problems.length > 0 ? EXIT_CONFIG : await runAgent(loaded.config, loaded.notices));
  });
}
