// The chains to which many service ports contribute, kept so that a change of one service port tells which of them to
// write anew. KUBE-SERVICES is split by the last byte of the address once it is long: see agent/README.md.

import { compactList, compactText } from '../lib/compact.ts';
import { SHARED_CHAINS } from './plan-base-rules.ts';
import { lastByte } from './ranges.ts';
import { type ChainId, comment, type RulesetChange, type SharedRule, splitChainId } from './ruleset.ts';
import type { Family } from './service-port.ts';

// Up to here the chain is kube-proxy's, rule by rule; a packet passes so many rules in a microsecond.
const MAX_RULES_IN_ONE_CHAIN = 256;
const SPLIT_CHAINS: ReadonlySet<ChainId> = new Set(['nat KUBE-SERVICES', 'filter KUBE-SERVICES']);
// kube-proxy takes chains with this beginning for its own and removes those it does not need.
const SHARD_PREFIX = 'KUBE-SVC-ADDRESS-';

/** By key of the service port. */
type Contributions = Map<string, readonly string[]>;

interface SharedChain {
  /** By last byte of the address; 0 for chains that are not split. */
  readonly shards: Map<number, Contributions>;
  ruleCount: number;
  /** The shards to write anew; `all` also when the chain was never written. */
  touched: Set<number> | 'all';
  /** The shards that have a chain of their own as written last. */
  written: ReadonlySet<number>;
}

export class SharedChains {
  readonly #family: Family;
  /** Rules that stand behind all others, e.g. the way to the node ports. */
  readonly #lastRules: ReadonlyMap<ChainId, readonly string[]>;
  readonly #chains = new Map<ChainId, SharedChain>();

  constructor(family: Family, lastRules: ReadonlyMap<ChainId, readonly string[]>) {
    this.#family = family;
    this.#lastRules = lastRules;
    for (const id of SHARED_CHAINS) this.#chain(id);
  }

  /** Replaces what a service port contributes. */
  replace(key: string, before: readonly SharedRule[], after: readonly SharedRule[]): void {
    if (areSame(before, after)) return;
    for (const { chain, address } of before) this.#remove(chain, shardOf(chain, address), key);
    for (const { chain, address, rule } of after) this.#add(chain, shardOf(chain, address), key, rule);
  }

  /** The chains that have changed since the last call; all of them the first time. */
  takeChanges(): RulesetChange {
    const changes = new Map<ChainId, readonly string[] | undefined>();
    for (const [id, chain] of this.#chains) {
      if (chain.touched === 'all' || chain.touched.size > 0) this.#collect(id, chain, changes);
    }
    return changes;
  }

  #collect(id: ChainId, chain: SharedChain, changes: Map<ChainId, readonly string[] | undefined>): void {
    const isSplit = SPLIT_CHAINS.has(id) && chain.ruleCount > MAX_RULES_IN_ONE_CHAIN;
    const wanted = isSplit ? [...chain.shards.keys()].toSorted((a, b) => a - b) : [];
    const isNew = (shard: number): boolean => chain.touched === 'all' || chain.touched.has(shard);
    for (const shard of wanted) {
      if (!isNew(shard) && chain.written.has(shard)) continue;
      changes.set(shardChain(id, shard), sortedRules([chain.shards.get(shard)]));
    }
    const wantedSet = new Set(wanted);
    for (const shard of chain.written)
      if (!wantedSet.has(shard)) changes.set(shardChain(id, shard), undefined);
    const isTopSame =
      isSplit &&
      chain.touched !== 'all' &&
      wanted.length === chain.written.size &&
      chain.written.isSubsetOf(wantedSet);
    if (!isTopSame) {
      const rules = isSplit
        ? wanted.map(shard => this.#shardJump(id, shard))
        : sortedRules(chain.shards.values());
      changes.set(id, [...rules, ...(this.#lastRules.get(id) ?? [])]);
    }
    chain.touched = new Set();
    chain.written = wantedSet;
  }

  #shardJump(id: ChainId, shard: number): string {
    const hex = shard.toString(16);
    const match = this.#family === 4 ? `0.0.0.${shard}/0.0.0.255` : `::${hex}/::ff`;
    const text = this.#family === 4 ? `ends in .${shard}` : `has ${hex} as its last byte`;
    return `-d ${match} ${comment(`services whose address ${text}`)} -j ${splitChainId(shardChain(id, shard)).name}`;
  }

  #chain(id: ChainId): SharedChain {
    const known = this.#chains.get(id);
    if (known) return known;
    const chain: SharedChain = { shards: new Map(), ruleCount: 0, touched: 'all', written: new Set() };
    this.#chains.set(id, chain);
    return chain;
  }

  #remove(id: ChainId, shard: number, key: string): void {
    const chain = this.#chain(id);
    const contributions = chain.shards.get(shard);
    const rules = contributions?.get(key);
    if (!contributions || !rules) return;
    contributions.delete(key);
    if (contributions.size === 0) chain.shards.delete(shard);
    chain.ruleCount -= rules.length;
    if (chain.touched !== 'all') chain.touched.add(shard);
  }

  #add(id: ChainId, shard: number, key: string, rule: string): void {
    const chain = this.#chain(id);
    const contributions = chain.shards.get(shard) ?? new Map<string, readonly string[]>();
    chain.shards.set(shard, contributions);
    contributions.set(key, compactList([...(contributions.get(key) ?? []), compactText(rule)]));
    chain.ruleCount += 1;
    if (chain.touched !== 'all') chain.touched.add(shard);
  }
}

function shardOf(id: ChainId, address: string | undefined): number {
  return address !== undefined && SPLIT_CHAINS.has(id) ? lastByte(address) : 0;
}

function shardChain(id: ChainId, shard: number): ChainId {
  return `${splitChainId(id).table} ${SHARD_PREFIX}${shard}`;
}

/** The same order whatever the history. */
function sortedRules(shards: Iterable<Contributions | undefined>): readonly string[] {
  const entries: (readonly [string, readonly string[]])[] = [];
  for (const contributions of shards) if (contributions) entries.push(...contributions);
  return entries
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x[0] ?? '', y[0] ?? ''))
    .flatMap(([, rules]) => rules);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function areSame(before: readonly SharedRule[], after: readonly SharedRule[]): boolean {
  return (
    before.length === after.length &&
    before.every(({ chain, rule }, index) => chain === after[index]?.chain && rule === after[index]?.rule)
  );
}
