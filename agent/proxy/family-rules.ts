// The rules of one family as we believe them to be in the kernel, and what a change of Services makes of them. Knows no
// kernel itself: it hands out changes, and is thrown away when one of them could not be applied.
import { compactText } from '../lib/compact.ts';
import { SERVICE_CHAIN_PREFIXES } from './chain-names.ts';
import { JUMPS, type Jump, planBaseChains } from './plan-base-rules.ts';
import { newSharedChains, planPortChange } from './plan-ruleset.ts';
import { type ChainId, chainId, type RuleContext, type RulesetChange, TABLES } from './ruleset.ts';
import { type PortState, portKey } from './service-port.ts';
import type { SharedChains } from './shared-chains.ts';

/** What iptables-save says of the tables: the rule count of each chain, and the built-in chains' rules. */
export type ObservedTables = ReadonlyMap<
  string,
  { readonly chains: ReadonlyMap<string, number>; readonly builtInRules: readonly string[] }
>;

export class FamilyRules {
  readonly context: RuleContext;
  readonly #shared: SharedChains;
  /** By Service, what its rules were made of. */
  readonly #states = new Map<string, readonly PortState[]>();
  readonly #ruleCounts = new Map<ChainId, number>();

  constructor(context: RuleContext) {
    this.context = context;
    this.#shared = newSharedChains(context);
  }

  get serviceKeys(): Iterable<string> {
    return this.#states.keys();
  }

  get chainCount(): number {
    return this.#ruleCounts.size;
  }

  states(service: string): readonly PortState[] {
    return this.#states.get(service) ?? [];
  }

  /** What has to be there first: other rules lead to these chains. */
  start(): RulesetChange {
    const change = planBaseChains(this.context);
    this.#count(change);
    return change;
  }

  /** Takes over what one Service is now; the change of its own chains. Several together are one `finish` later. */
  replace(service: string, next: readonly PortState[]): RulesetChange {
    const before = new Map(this.states(service).map(state => [portKey(state.port), state]));
    const change = new Map<ChainId, readonly string[] | undefined>();
    const add = (old: PortState | undefined, state: PortState | undefined): void => {
      const { chains } = planPortChange(old, state, this.context, this.#shared);
      for (const [id, rules] of chains) change.set(id, rules);
    };
    for (const state of next) {
      const key = portKey(state.port);
      add(before.get(key), state);
      before.delete(key);
    }
    for (const gone of before.values()) add(gone, undefined);
    if (next.length > 0) this.#states.set(service, next);
    else this.#states.delete(service);
    this.#count(change);
    return change;
  }

  /** The change of the chains that all share, after one or many `replace`; the first time all of them. */
  finish(): RulesetChange {
    const change = this.#shared.takeChanges();
    this.#count(change);
    return change;
  }

  /** Chains of ours that nothing leads to any more, e.g. of a run before this one. */
  staleChains(observed: ObservedTables): RulesetChange {
    const stale = new Map<ChainId, undefined>();
    for (const table of TABLES) {
      for (const name of observed.get(table)?.chains.keys() ?? []) {
        const id = chainId(table, name);
        if (isServiceChain(name) && !this.#ruleCounts.has(id)) stale.set(id, undefined);
      }
    }
    return stale;
  }

  /** A chain whose number of rules is not ours any more; undefined when all is in place. */
  findDamage(observed: ObservedTables): string | undefined {
    const missing = missingJumps(observed)[0];
    if (missing) return `${missing.from} has no jump to ${missing.to}`;
    for (const [id, count] of this.#ruleCounts) {
      const [table = '', name = ''] = id.split(' ');
      const found = observed.get(table)?.chains.get(name);
      if (found !== count) return `${name} has ${found ?? 'no'} rules instead of ${count}`;
    }
    return undefined;
  }

  #count(change: RulesetChange): void {
    for (const [id, rules] of change) {
      if (rules) this.#ruleCounts.set(compactText(id), rules.length);
      else this.#ruleCounts.delete(id);
    }
  }
}

export function isServiceChain(name: string): boolean {
  return SERVICE_CHAIN_PREFIXES.some(prefix => name.startsWith(prefix));
}

/** In the order in which they have to be inserted. */
export function missingJumps(observed: ObservedTables): readonly Jump[] {
  return JUMPS.filter(({ table, from, to, match }) => {
    const rules = observed.get(table)?.builtInRules ?? [];
    const isNew = match.includes('--ctstate NEW');
    return !rules.some(
      rule =>
        rule.startsWith(`-A ${from} `) &&
        rule.endsWith(` -j ${to}`) &&
        rule.includes('--ctstate NEW') === isNew,
    );
  });
}
