import { Command } from 'commander';
import { parse } from 'yaml';
import { describeSettings, formatSettings } from '../config/describe.ts';
import { addConfigFlags, loadPresentConfig } from './config-flags.ts';
import { complain, formatJson, type Output } from './output.ts';

export function configShowCommand(output: Output): Command {
  const command = new Command('show')
    .description('print the configuration that `run` would use with the same flags, as a file')
    .option('--origin', 'say where each value came from: file and line, flag, or default')
    .option('--json', 'print JSON');
  return addConfigFlags(command).action(async () => {
    const { settings, notices } = await loadPresentConfig(command);
    for (const notice of notices) complain(output, notice);
    const { origin, json } = command.opts<{ origin?: boolean; json?: boolean }>();
    const hasOrigins = origin ?? false;
    if (!json) output.out(formatSettings(settings, { hasOrigins }));
    else if (hasOrigins) output.out(formatJson(describeSettings(settings)));
    else output.out(formatJson(parse(formatSettings(settings, { hasOrigins }))));
  });
}
