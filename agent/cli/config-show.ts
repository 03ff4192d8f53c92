import { Command } from 'commander';
import { parse } from 'yaml';
import { describeSettings, formatSettings } from '../config/describe.ts';
import { addConfigFlags, loadCommandConfig } from './config-flags.ts';
import { EXIT_CONFIG } from './exit-codes.ts';
import { complain, type Output } from './output.ts';

export function configShowCommand(output: Output, exit: (code: number) => void): Command {
  const command = new Command('show')
    .description('print the configuration that `run` would use with the same flags, as a file')
    .option('--origin', 'say where each value came from: file and line, flag, or default')
    .option('--json', 'print JSON');
  return addConfigFlags(command).action(async () => {
    const loaded = await loadCommandConfig(command, output);
    if (loaded === undefined) {
      exit(EXIT_CONFIG);
      return;
    }
    for (const notice of loaded.notices) complain(output, notice);
    const { origin, json } = command.opts<{ origin?: boolean; json?: boolean }>();
    const hasOrigins = origin ?? false;
    if (!json) output.out(formatSettings(loaded.settings, { hasOrigins }));
    else if (hasOrigins) output.out(toJson(describeSettings(loaded.settings)));
    else output.out(toJson(parse(formatSettings(loaded.settings, { hasOrigins }))));
  });
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
