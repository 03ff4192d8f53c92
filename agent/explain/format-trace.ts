import { endpointText } from '../proxy/service-port.ts';
import type { PortTrace, ServiceFacts, ServiceTrace, TraceFinding } from './service-trace.ts';

export function formatTrace(facts: ServiceFacts, { findings, ports }: ServiceTrace): string {
  const head = `Service ${facts.key} as node ${facts.context.nodeName} sees it\n`;
  return [head, ...findings.map(formatFinding), ...ports.map(port => formatPort(port, facts))].join('');
}

function formatPort({ name, state, rules, findings }: PortTrace, { probes, flows }: ServiceFacts): string {
  const { port, endpoints } = state;
  const nodePort = port.nodePort === 0 ? '' : `, node port ${port.nodePort}`;
  const backends = endpoints.map(endpoint => {
    const flags = [
      endpoint.isReady ? 'ready' : endpoint.isServing ? 'serving' : 'not ready',
      ...(endpoint.isTerminating ? ['terminating'] : []),
      endpoint.nodeName ?? 'no node',
      probes.get(endpointText(endpoint)) ?? 'not asked',
    ];
    const count = flows.filter(
      ({ reply }) => reply.source === endpoint.address && reply.sourcePort === endpoint.port,
    );
    return `  backend  ${endpointText(endpoint)}  ${flags.join(', ')}, ${count.length} connections\n`;
  });
  return [
    `\n${name}  ${port.protocol} ${port.clusterIP}:${port.port}${nodePort}\n`,
    ...(backends.length === 0 ? ['  backend  none\n'] : backends),
    ...rules.map(rule => `  rule     ${rule}\n`),
    ...(findings.length === 0
      ? ['  it works: packets find a way to every endpoint\n']
      : findings.map(formatFinding)),
  ].join('');
}

function formatFinding({ kind, text, advice }: TraceFinding): string {
  return `  ${kind === 'cause' ? 'CAUSE ' : 'notice'}   ${text}\n           try: ${advice}\n`;
}
