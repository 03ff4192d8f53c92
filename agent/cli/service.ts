import { Command } from 'commander';
import { formatTrace } from '../explain/format-trace.ts';
import { traceService } from '../explain/service-trace.ts';
import { addConfigFlags, loadPresentConfig } from './config-flags.ts';
import { EXIT_FAILURE, EXIT_OK, type Exit, usageError } from './exit-codes.ts';
import type { Output } from './output.ts';
import { gatherTraceFacts, type TracedService } from './trace-facts.ts';

export function serviceCommand(output: Output, exit: Exit): Command {
  const trace = new Command('trace')
    .argument('<service>', 'NAMESPACE/NAME or NAMESPACE/NAME:PORT')
    .option('--ipv6', 'the IPv6 side of the Service')
    .description('the way of a packet to a Service on this node, and what is wrong with it')
    .addHelpText(
      'after',
      '\nIt changes nothing, and works while nodelet does not run. Exit code 1: a cause was found.',
    );
  addConfigFlags(trace).action(async (reference: string, options: { readonly ipv6?: true }) => {
    const service = parseReference(reference);
    const { config } = await loadPresentConfig(trace);
    const facts = await gatherTraceFacts(config, service, options.ipv6 ? 6 : 4);
    const result = traceService(facts);
    output.out(formatTrace(facts, result));
    const findings = [...result.findings, ...result.ports.flatMap(port => port.findings)];
    exit(findings.some(({ kind }) => kind === 'cause') ? EXIT_FAILURE : EXIT_OK);
  });
  return new Command('service').addCommand(trace);
}

function parseReference(reference: string): TracedService {
  const [, namespace, name, wantedPort] = /^([^/:]+)\/([^/:]+)(?::(.+))?$/.exec(reference) ?? [];
  if (namespace === undefined || name === undefined) {
    throw usageError(`expected NAMESPACE/NAME or NAMESPACE/NAME:PORT, got "${reference}"`);
  }
  return { namespace, name, wantedPort };
}
