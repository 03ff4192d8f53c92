import { formatMs } from './format-explanation.ts';
import type { NodeReport } from './node-report.ts';

const DAY_MS = 86_400_000;
const STALE_HEARTBEAT_MS = 40_000; // after as long without one the control plane calls the node unknown
const BLOCKED_SHOWN = 15;

/** At most a screen: what needs a person's look comes with a mark. */
export function formatReport(report: NodeReport): string {
  const { node, version, atMs, uptimeSeconds, eventLoopDelayMs, residentBytes } = report;
  const chains = Object.entries(report.ruleChains).map(([family, count]) => `${family} ${count} chains`);
  const rows: readonly (readonly [string, string])[] = [
    ['node', `${node}  (nodelet ${version}, up ${formatMs(uptimeSeconds * 1000)})`],
    ['ready', formatReady(report)],
    ['pods', formatCounts(report.podsByPhase)],
    ['API', formatApi(report)],
    ['certificates', report.certificates.map(one => formatCertificate(one, atMs)).join(', ') || 'none found'],
    ['services', chains.join(', ') || 'no rules'],
    [
      'agent',
      `event loop late by ${formatMs(eventLoopDelayMs)} at most, ${Math.round(residentBytes / 2 ** 20)} MiB`,
    ],
  ];
  const lines = rows.map(([name, text]) => `${name.padEnd(13)} ${text}`);
  return `${[...lines, ...formatBlocked(report)].join('\n')}\n`;
}

function formatReady({ isReady, problems }: NodeReport): string {
  if (isReady === undefined) return '· starting';
  return isReady ? '✓ yes' : `✗ no: ${problems.join('; ')}`;
}

function formatCounts(podsByPhase: NodeReport['podsByPhase']): string {
  const counts = Object.entries(podsByPhase).map(([phase, count]) => `${count} ${phase}`);
  return counts.length === 0 ? 'none' : counts.toSorted().join(', ');
}

function formatApi({ isStandalone, lastHeartbeatMs, atMs }: NodeReport): string {
  if (isStandalone) return 'none: static pods only';
  return lastHeartbeatMs === undefined ? '✗ no heartbeat yet' : formatHeartbeat(atMs - lastHeartbeatMs);
}

function formatHeartbeat(agoMs: number): string {
  return `${agoMs > STALE_HEARTBEAT_MS ? '✗' : '✓'} heartbeat taken ${formatMs(agoMs)} ago`;
}

function formatCertificate({ name, notAfterMs }: NodeReport['certificates'][number], nowMs: number): string {
  const days = Math.floor((notAfterMs - nowMs) / DAY_MS);
  return `${name} ${days < 0 ? '✗ expired' : `${days} days left`}`;
}

function formatBlocked({ blocked, atMs }: NodeReport): readonly string[] {
  if (blocked.length === 0) return [];
  const lines = blocked.slice(0, BLOCKED_SHOWN).flatMap(({ pod, blocker }) => {
    const { step, reason, message, nextTryAtMs } = blocker;
    const next =
      nextTryAtMs !== undefined && nextTryAtMs > atMs ? ` (again in ${formatMs(nextTryAtMs - atMs)})` : '';
    return [`  ✗ ${pod}: ${step}: ${reason}${next}`, `      ${message.split('\n')[0] ?? ''}`];
  });
  const more = blocked.length - BLOCKED_SHOWN;
  const rest = more > 0 ? [`  and ${more} more`] : [];
  return ['', 'blocked pods (nodelet explain pod NAMESPACE/NAME tells all about one)', ...lines, ...rest];
}
