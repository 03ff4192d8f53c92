import { Counter } from 'prom-client';
import { deleteFlow, IPPROTO_UDP, listFlows } from '../host/conntrack.ts';
import { listAddresses } from '../host/links.ts';
import type { Logger } from '../lib/logger.ts';
import { metricsRegistry } from '../lib/metrics.ts';
import { planStaleFlows } from './plan-stale-flows.ts';
import type { Family, PortState } from './service-port.ts';

const deletedFlows = new Counter({
  name: 'kubeproxy_conntrack_reconciler_deleted_entries_total',
  help: 'UDP flows that were forgotten because they led to no serving endpoint',
  labelNames: ['ip_family'],
  registers: [metricsRegistry],
});

/** After the rules, never before: a new flow would be made by the old ones. */
export async function removeStaleFlows(
  family: Family,
  states: readonly PortState[],
  logger: Logger,
): Promise<void> {
  const udp = states.filter(({ port }) => port.protocol === 'udp');
  if (udp.length === 0) return;
  try {
    const ownAddresses = new Set((await listAddresses()).map(({ address }) => address));
    const stale = planStaleFlows(udp, await listFlows(family, IPPROTO_UDP), ownAddresses);
    for (const flow of stale) await deleteFlow(flow);
    if (stale.length === 0) return;
    deletedFlows.inc({ ip_family: family === 4 ? 'IPv4' : 'IPv6' }, stale.length);
    logger.info({ flows: stale.length }, 'stale UDP flows removed');
  } catch (error) {
    // The rules stand; the flows are looked at again with the next change of a UDP Service.
    logger.warn({ err: error }, 'stale UDP flows not removed');
  }
}
