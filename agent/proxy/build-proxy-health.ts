// What kube-proxy's health port says: whether rules follow Services, and whether load balancers should still send here.
import type { Node } from '../api/objects.ts';
import type { Family } from './service-port.ts';

// The Cluster Autoscaler's announcement that a node is about to go.
const GOING_TAINT = 'ToBeDeletedByClusterAutoscaler';
// Twice kube-proxy's default syncPeriod: as long as it may take to bring a change into the rules.
const LATE_AFTER_MS = 60_000;

/** How far the rules of one address family have come. */
export interface FamilyProgress {
  readonly family: Family;
  /** When they were last known to be true. */
  readonly updatedAtMs: number;
  /** Since when a change waits; undefined: none does. */
  readonly pendingSinceMs: number | undefined;
}

export interface ProxyHealth {
  /** Rules do not lag behind: /livez. */
  readonly isHealthy: boolean;
  /** And the node is not about to go: /healthz. */
  readonly isNodeEligible: boolean;
  /** The answer to either, but for nodeEligible. */
  readonly body: Readonly<Record<string, unknown>>;
}

export function buildProxyHealth(
  progress: readonly FamilyProgress[],
  node: Node | undefined,
  nowMs: number,
): ProxyHealth {
  const isHealthy = progress.every(one => !isLate(one, nowMs));
  // A load balancer that looks at lastUpdated alone takes an old time for a dead proxy, though nothing had to be done.
  const lastMs = isHealthy ? nowMs : Math.max(...progress.map(({ updatedAtMs }) => updatedAtMs));
  const status = progress.map(one => [
    `IPv${one.family}`,
    { lastUpdated: timeText(one.updatedAtMs), healthy: !isLate(one, nowMs) },
  ]);
  const body = {
    lastUpdated: timeText(lastMs),
    currentTime: timeText(nowMs),
    healthy: isHealthy,
    status: Object.fromEntries(status),
  };
  return { isHealthy, isNodeEligible: isEligible(node), body };
}

function isLate({ pendingSinceMs }: FamilyProgress, nowMs: number): boolean {
  return pendingSinceMs !== undefined && nowMs - pendingSinceMs >= LATE_AFTER_MS;
}

function isEligible(node: Node | undefined): boolean {
  if (!node || node.metadata.deletionTimestamp !== undefined) return false;
  return !(node.spec?.taints ?? []).some(({ key }) => key === GOING_TAINT);
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
