import { Command, CommanderError } from 'commander';
import { errorMessage } from '../lib/errors.ts';
import { type CliDeps, COMMANDS } from './commands.ts';
import {
  EXIT_CONFIG,
  EXIT_DENIED,
  EXIT_FAILURE,
  EXIT_OK,
  EXIT_UNAVAILABLE,
  EXIT_USAGE,
  type Exit,
  exitCodeOf,
} from './exit-codes.ts';
import { complain } from './output.ts';
import { VERSION_LINE } from './version.ts';

/** Runs one command line (without node and script) and returns the exit code. */
export async function runCli(typed: readonly string[], deps: CliDeps): Promise<number> {
  const { output } = deps;
  const args = typed[0] === 'help' ? [...typed.slice(1), '--help'] : typed; // what people try first
  let exitCode = EXIT_OK;
  const exit = (code: number): void => {
    exitCode = code;
  };
  const program = await buildProgram(deps, exit, name => name === args[0]);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    complain(output, errorMessage(error));
    return exitCodeOf(error);
  }
  return exitCode;
}

/** The man page and the completion of the package are made from it too. What is not `isNeeded` is a name to list only. */
export async function buildProgram(
  deps: CliDeps,
  exit: Exit,
  isNeeded: (name: string) => boolean = () => true,
): Promise<Command> {
  const { output } = deps;
  const program = new Command('nodelet')
    .description('kubelet and kube-proxy in one daemon')
    .version(VERSION_LINE, '--version', 'the same as the command `version`');
  for (const { name, description, load } of COMMANDS) {
    const command = isNeeded(name) ? await load(deps, exit) : new Command(name);
    program.addCommand(command.description(description));
  }
  program.addHelpText('after', `\n${EXIT_CODES}`);
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
