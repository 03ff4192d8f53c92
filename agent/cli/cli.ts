import { Command, CommanderError } from 'commander';
import { errorMessage } from '../lib/errors.ts';
import { cleanupCommand } from './cleanup.ts';
import { configFieldsCommand } from './config-fields.ts';
import { configShowCommand } from './config-show.ts';
import { doctorCommand } from './doctor.ts';
import {
  EXIT_CONFIG,
  EXIT_DENIED,
  EXIT_FAILURE,
  EXIT_OK,
  EXIT_UNAVAILABLE,
  EXIT_USAGE,
} from './exit-codes.ts';
import { explainCommand } from './explain.ts';
import { joinCommand } from './join.ts';
import { leaveCommand } from './leave.ts';
import { complain, type Output } from './output.ts';
import { type RunAgent, runCommand } from './run.ts';
import { serviceCommand } from './service.ts';
import { statusCommand } from './status.ts';
import { versionCommand } from './version.ts';

export interface CliDeps {
  readonly runAgent: RunAgent;
  readonly output: Output;
}

/** Runs one command line (without node and script) and returns the exit code. */
export async function runCli(args: readonly string[], deps: CliDeps): Promise<number> {
  const { output } = deps;
  let exitCode = EXIT_OK;
  const program = buildProgram(deps, code => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    complain(output, errorMessage(error));
    return EXIT_FAILURE;
  }
  return exitCode;
}

/** Every command; the man page and the completion of the package are made from it too. */
export function buildProgram({ runAgent, output }: CliDeps, exit: (code: number) => void): Command {
  const config = new Command('config')
    .description('look at the configuration')
    .addCommand(configShowCommand(output, exit))
    .addCommand(configFieldsCommand(output));
  const program = new Command('nodelet')
    .description('kubelet and kube-proxy in one daemon')
    .addCommand(runCommand(runAgent, output, exit))
    .addCommand(joinCommand(output, exit))
    .addCommand(leaveCommand(output, exit))
    .addCommand(doctorCommand(output, exit))
    .addCommand(statusCommand(output, exit))
    .addCommand(explainCommand(output, exit))
    .addCommand(config)
    .addCommand(serviceCommand(output, exit))
    .addCommand(cleanupCommand(output, exit))
    .addCommand(versionCommand(output))
    .addHelpText('after', `\n${EXIT_CODES}`);
  for (const command of withSubcommands(program)) {
    command.exitOverride();
    command.helpCommand(false);
    command.configureOutput({
      writeOut: output.out,
      writeErr: output.err,
      outputError: (text, write) => write(`nodelet: ${oneLine(text)}\n`),
    });
  }
  return program;
}

const EXIT_CODES = `Exit codes: ${EXIT_OK} done, ${EXIT_FAILURE} failure, ${EXIT_USAGE} wrong command line,
${EXIT_UNAVAILABLE} not reachable now, ${EXIT_DENIED} refused, ${EXIT_CONFIG} wrong configuration.`;

/** commander writes `error: ...` and its suggestion on a line of its own. */
function oneLine(text: string): string {
  return text
    .trim()
    .replace(/^error: /, '')
    .replaceAll('\n', ' ');
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}
