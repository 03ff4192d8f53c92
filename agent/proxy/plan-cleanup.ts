// How to take our rules out of the kernel again, and nobody else's: by the names of chains, as they are found.

import { buildRestoreInput } from './build-restore-input.ts';
import { isServiceChain, type ObservedTables } from './family-rules.ts';
import { planBites } from './plan-bites.ts';
import { type ChainId, chainId, type RulesetChange, TABLES } from './ruleset.ts';

const TOP_CHAINS = new Set([
  'KUBE-SERVICES',
  'KUBE-EXTERNAL-SERVICES',
  'KUBE-NODEPORTS',
  'KUBE-PROXY-FIREWALL',
  'KUBE-FORWARD',
  'KUBE-FIREWALL',
  'KUBE-MARK-MASQ',
  'KUBE-POSTROUTING',
  'KUBE-PROXY-CANARY',
  'KUBE-IPTABLES-HINT',
  'NODELET-MASQ',
  'NODELET-FORWARD',
]);

/** Inputs for iptables-restore, one after the other; none when there is nothing of ours. */
export function planCleanup(tables: ObservedTables, maxLines: number): readonly string[] {
  const emptied = new Map<ChainId, readonly string[]>();
  const services = new Map<ChainId, undefined>();
  for (const table of TABLES) {
    for (const name of tables.get(table)?.chains.keys() ?? []) {
      if (TOP_CHAINS.has(name)) emptied.set(chainId(table, name), []);
      else if (isServiceChain(name)) services.set(chainId(table, name), undefined);
    }
  }
  // First the ways in, then what they led to, then the chains that everything else marks packets with.
  const tops = new Map([...emptied.keys()].map(id => [id, undefined] as const));
  const bites: readonly RulesetChange[] = [emptied, ...planBites(services, maxLines), tops];
  const jumps = buildJumpRemovals(tables);
  return [...jumps, ...bites.filter(({ size }) => size > 0).map(bite => buildRestoreInput(bite))];
}

/** A rule as iptables-save prints it is removed by the same words. */
function buildJumpRemovals(tables: ObservedTables): readonly string[] {
  return TABLES.flatMap(table => {
    const jumps = (tables.get(table)?.builtInRules ?? []).filter(rule =>
      TOP_CHAINS.has(/ -j (\S+)$/.exec(rule)?.[1] ?? ''),
    );
    if (jumps.length === 0) return [];
    return [`*${table}\n${jumps.map(rule => rule.replace(/^-A /, '-D ')).join('\n')}\nCOMMIT\n`];
  });
}
