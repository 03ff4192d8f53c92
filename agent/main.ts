#!/usr/bin/env node
// Composition root: the command line, and the agent behind `run`. No logic lives here.

import { runCli } from './cli/cli.ts';
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_OK } from './cli/exit-codes.ts';
import type { Config } from './config/config.ts';

const EXIT_CODES = { stopped: EXIT_OK, failed: EXIT_FAILURE, wrongConfiguration: EXIT_CONFIG };

// What `run` needs is loaded when it runs: every other command answers at once.
async function runAgent(config: Config, notices: readonly string[]): Promise<number> {
  const [agent, doctor] = await Promise.all([
    import('./daemon/run-agent.ts'),
    import('./doctor/report-after-start.ts'),
  ]);
  const context = async () => (await import('./cli/doctor.ts')).doctorContext(config);
  const end = await agent.runAgent(config, notices, (logger, signal) =>
    doctor.reportAfterStart(context, logger, { signal }),
  );
  return EXIT_CODES[end];
}

process.exitCode = await runCli(process.argv.slice(2), {
  runAgent,
  output: { out: text => process.stdout.write(text), err: text => process.stderr.write(text) },
});
