// What the API server says a node has asked of it. Its request counters know no clients, but its fair queueing has a flow
// for nodes, by the group in their certificates, and counts what it lets through, watches included.

const NODE_FLOWS = new Set(['system-nodes', 'system-node-high']);
const METRIC =
  /^apiserver_flowcontrol_dispatched_requests_total\{.*flow_schema="(?<flow>[^"]*)".*\} (?<count>\S+)$/;

/** Requests of all nodes together since the API server started; leases and node status have a flow of their own. */
export function parseNodeRequests(metrics: string): number {
  let sum = 0;
  for (const line of metrics.split('\n')) {
    const { flow = '', count = '0' } = METRIC.exec(line)?.groups ?? {};
    if (NODE_FLOWS.has(flow)) sum += Number(count);
  }
  return sum;
}
