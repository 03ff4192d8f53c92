// Cuts a change of many chains into bites, for the reason that bite-writer.ts gives.
import { type ChainId, type RulesetChange, splitChainId } from './ruleset.ts';

// Each leads to chains further down only.
const REMOVAL_ORDER = ['KUBE-SVC-ADDRESS-', 'KUBE-FW-', 'KUBE-EXT-', 'KUBE-SVL-', 'KUBE-SVC-', 'KUBE-SEP-'];

/**
 * Chains keep their order, and removals come last, so that after every bite each rule leads to chains that are there: no
 * Service is worse off in between than before or after.
 */
export function planBites(change: RulesetChange, maxLines: number): readonly RulesetChange[] {
  const contents = [...change].filter(([, rules]) => rules !== undefined);
  const removals = [...change]
    .filter(([, rules]) => rules === undefined)
    .toSorted(([a], [b]) => removalRank(a) - removalRank(b));
  const bites: Map<ChainId, readonly string[] | undefined>[] = [];
  let lines = 0;
  for (const [id, rules] of [...contents, ...removals]) {
    const size = 1 + (rules?.length ?? 1);
    if (bites.length === 0 || lines + size > maxLines) {
      bites.push(new Map());
      lines = 0;
    }
    bites.at(-1)?.set(id, rules);
    lines += size;
  }
  return bites;
}

function removalRank(id: ChainId): number {
  const { name } = splitChainId(id);
  return REMOVAL_ORDER.findIndex(prefix => name.startsWith(prefix));
}
