// Which chains of Service rules would come and go, by their names: a name has the hash of what its rules are made of. Pure.
import { FamilyRules, type ObservedTables } from '../proxy/family-rules.ts';
import type { RuleContext, RulesetChange } from '../proxy/ruleset.ts';
import type { PortState } from '../proxy/service-port.ts';
import type { ForeseenChange } from './foreseen.ts';

const NAMES_SHOWN = 4;

export function foreseeRules(
  family: string,
  context: RuleContext,
  services: ReadonlyMap<string, readonly PortState[]>,
  observed: ObservedTables,
): readonly ForeseenChange[] {
  const rules = new FamilyRules(context);
  const wanted = new Set<string>();
  const add = (change: RulesetChange): void => {
    for (const [id, content] of change) if (content) wanted.add(id);
  };
  add(rules.start());
  for (const [key, states] of services) add(rules.replace(key, states));
  add(rules.finish());
  const isThere = (id: string): boolean => {
    const [table = '', name = ''] = id.split(' ');
    return observed.get(table)?.chains.has(name) ?? false;
  };
  const added = [...wanted].filter(id => !isThere(id));
  const removed = [...rules.staleChains(observed).keys()];
  const subject = `${family} Services`;
  const tell = (what: string, ids: readonly string[], why: string): ForeseenChange[] =>
    ids.length === 0
      ? []
      : [
          {
            kind: 'rules',
            subject,
            change: `${ids.length} ${what}`,
            why: `${why}: ${names(ids)}`,
            isDisturbing: false,
          },
        ];
  return [
    ...tell('chains are added', added, 'not in the kernel yet'),
    ...tell('chains are removed', removed, 'nothing would lead to them'),
  ];
}

function names(ids: readonly string[]): string {
  const more = ids.length > NAMES_SHOWN ? `, and ${ids.length - NAMES_SHOWN} more` : '';
  return `${ids.slice(0, NAMES_SHOWN).join(', ')}${more}`;
}
