// All rules from all Services, and what a changed service port changes in them. Both come from the same two functions, so
// that they cannot differ; a property test holds them to it.
import { planBaseChains, planNodePortJumps } from './plan-base-rules.ts';
import { planPortRules } from './plan-port-rules.ts';
import type { ChainId, PortRules, RuleContext, Ruleset, RulesetChange } from './ruleset.ts';
import { type PortState, portKey } from './service-port.ts';
import { SharedChains } from './shared-chains.ts';

const NOTHING: PortRules = { chains: new Map(), shared: [] };

/** The whole ruleset of one family. */
export function planRuleset(states: Iterable<PortState>, context: RuleContext): Ruleset {
  const ruleset = new Map(planBaseChains(context));
  const shared = newSharedChains(context);
  for (const state of states) {
    const { chains } = planPortChange(undefined, state, context, shared);
    for (const [id, rules] of chains) if (rules) ruleset.set(id, rules);
  }
  for (const [id, rules] of shared.takeChanges()) if (rules) ruleset.set(id, rules);
  return ruleset;
}

export function newSharedChains(context: RuleContext): SharedChains {
  return new SharedChains(context.family, new Map([['nat KUBE-SERVICES', planNodePortJumps(context)]]));
}

/** What turns one ruleset into another. */
function planTransaction(previous: Ruleset, next: Ruleset): RulesetChange {
  const change = new Map<ChainId, readonly string[] | undefined>();
  for (const [id, rules] of next) if (!areSameRules(previous.get(id), rules)) change.set(id, rules);
  for (const id of previous.keys()) if (!next.has(id)) change.set(id, undefined);
  return change;
}

/** What a service port's change means for its own chains; the shared ones learn of it and are asked once for all. */
export function planPortChange(
  before: PortState | undefined,
  after: PortState | undefined,
  context: RuleContext,
  shared: SharedChains,
): { readonly chains: RulesetChange } {
  const port = (after ?? before)?.port;
  if (!port) return { chains: new Map() };
  const old = before ? planPortRules(before, context) : NOTHING;
  const next = after ? planPortRules(after, context) : NOTHING;
  shared.replace(portKey(port), old.shared, next.shared);
  return { chains: planTransaction(old.chains, next.chains) };
}

function areSameRules(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a?.length === b.length && a.every((rule, index) => rule === b[index]);
}
