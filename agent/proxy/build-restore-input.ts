// A change of the ruleset as input for iptables-restore --noflush: one transaction per table.
import type { Jump } from './plan-base-rules.ts';
import { type RulesetChange, splitChainId, type Table } from './ruleset.ts';

// Rules that lead to endpoints before those that refuse for want of them.
const TABLE_ORDER: readonly Table[] = ['mangle', 'nat', 'filter'];

/** Every chain is named first, so that rules may lead to any of them; chains that go are emptied before they are removed. */
export function buildRestoreInput(change: RulesetChange, missingJumps: readonly Jump[] = []): string {
  return TABLE_ORDER.map(table => {
    const lines: string[] = [];
    const rules: string[] = [];
    const removals: string[] = [];
    for (const [id, content] of change) {
      const chain = splitChainId(id);
      if (chain.table !== table) continue;
      lines.push(`:${chain.name} - [0:0]`);
      if (content) for (const rule of content) rules.push(`-A ${chain.name} ${rule}`);
      else removals.push(`-X ${chain.name}`);
    }
    const jumps = missingJumps.filter(jump => jump.table === table).map(jump => `-I ${jumpText(jump)}`);
    const body = [...lines, ...rules, ...removals, ...jumps];
    return body.length === 0 ? '' : `*${table}\n${body.join('\n')}\nCOMMIT\n`;
  }).join('');
}

function jumpText({ from, match, to }: Jump): string {
  return `${from} ${match}${match === '' ? '' : ' '}-j ${to}`;
}
