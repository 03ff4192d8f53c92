import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { formatReport } from '../explain/format-report.ts';
import type { NodeReport } from '../explain/node-report.ts';
import { EXIT_FAILURE, EXIT_OK, EXIT_UNAVAILABLE, type Exit } from './exit-codes.ts';
import { askAgent } from './local-request.ts';
import { complain, formatJson, type Output } from './output.ts';

interface Options {
  readonly json?: true;
  readonly watch?: true;
}

const WATCH_MS = 1000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';

export function statusCommand(output: Output, exit: Exit): Command {
  return new Command('status')
    .option('--json', 'print JSON')
    .option('--watch', 'show it again every second until interrupted')
    .addHelpText('after', '\nExit code 1: the node is not Ready.')
    .action(async (options: Options) => {
      for (;;) {
        const answer = await askAgent<NodeReport>('/status');
        if (answer.kind === 'found') show(answer.value, options, output);
        else
          complain(
            output,
            'no agent answers here; see `systemctl status nodelet` and `journalctl -u nodelet`',
          );
        if (!options.watch) return exit(exitCode(answer.kind === 'found' ? answer.value : undefined));
        await delay(WATCH_MS);
      }
    });
}

function show(report: NodeReport, { json, watch }: Options, { out }: Output): void {
  if (json) out(formatJson(report));
  else out(`${watch ? CLEAR_SCREEN : ''}${formatReport(report)}`);
}

function exitCode(report: NodeReport | undefined): number {
  if (!report) return EXIT_UNAVAILABLE;
  return report.isReady === false ? EXIT_FAILURE : EXIT_OK;
}
