import t from 'tap';
import type { Node } from '../api/objects.ts';
import { buildProxyHealth, type FamilyProgress } from './build-proxy-health.ts';

const NOW = Date.parse('2026-01-01T00:02:00Z');
const NODE: Node = { metadata: { name: 'node-1' }, spec: {}, status: {} };
const IDLE: FamilyProgress = { family: 4, updatedAtMs: NOW - 500_000, pendingSinceMs: undefined };

t.test('healthy while nothing waits for longer than a minute, however old the last update is', async t => {
  for (const pendingSinceMs of [undefined, NOW - 59_999]) {
    const health = buildProxyHealth([{ ...IDLE, pendingSinceMs }], NODE, NOW);
    t.match(health, { isHealthy: true, isNodeEligible: true });
    t.same(health.body, {
      lastUpdated: '2026-01-01T00:02:00.000Z',
      currentTime: '2026-01-01T00:02:00.000Z',
      healthy: true,
      status: { IPv4: { lastUpdated: '2025-12-31T23:53:40.000Z', healthy: true } },
    });
  }
});

t.test('one family that lags behind is enough', async t => {
  const late: FamilyProgress = { family: 6, updatedAtMs: NOW - 90_000, pendingSinceMs: NOW - 60_000 };
  const { isHealthy, body } = buildProxyHealth([IDLE, late], NODE, NOW);
  t.notOk(isHealthy);
  t.match(body, {
    lastUpdated: '2026-01-01T00:00:30.000Z',
    status: { IPv4: { healthy: true }, IPv6: { healthy: false } },
  });
});

t.test('before the first rules the proxy is starting, not ill', async t => {
  t.ok(buildProxyHealth([], NODE, NOW).isHealthy);
});

t.test('a node that is about to go gets no new connections', async t => {
  const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] as const;
  const going: readonly (Node | undefined)[] = [
    undefined,
    { ...NODE, metadata: { ...NODE.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
    { ...NODE, spec: { taints } },
  ];
  for (const node of going) {
    t.match(buildProxyHealth([IDLE], node, NOW), { isHealthy: true, isNodeEligible: false });
  }
});
