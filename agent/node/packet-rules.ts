// Keeps our packet rules in the kernel: written when they change, checked every minute, since others flush tables.
import { restoreRules } from '../host/iptables.ts';
import { InvalidError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import {
  buildForwardChain,
  buildMasqueradeChain,
  type MasqueradeInputs,
  type OwnChain,
} from './masquerade-rules.ts';
import {
  buildCheckInput,
  buildFullCheckInput,
  buildRemovalInput,
  buildRestoreInput,
} from './plan-packet-rules.ts';

type Family = 4 | 6;

/** Per family: what the chains are made of. A family that is not named has no rules of ours. */
export type PacketRuleInputs = ReadonlyMap<Family, MasqueradeInputs>;

export class PacketRules {
  readonly #logger: Logger;
  /** What we last wrote, so that a check suffices while nothing changes. */
  readonly #written = new Map<Family, string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async ensure(
    inputs: PacketRuleInputs,
    { masquerade, signal }: { readonly masquerade: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    for (const [family, input] of inputs) {
      const chains = buildChains(input, masquerade);
      if (!masquerade && !this.#written.has(family))
        await this.#removeChain(family, MASQUERADE_CHAIN, signal);
      await this.#ensureFamily(family, chains, signal);
    }
  }

  /** Takes away what this or an earlier run wrote. */
  async remove(families: readonly Family[], { signal }: { readonly signal: AbortSignal }): Promise<void> {
    // The rules' content does not matter for a removal.
    const chains = buildChains({ ownPodCIDR: '0.0.0.0/0', clusterPodCIDRs: [] }, true);
    for (const family of families) {
      this.#written.delete(family);
      for (const chain of chains) await this.#removeChain(family, chain, signal);
    }
  }

  async #removeChain(family: Family, chain: OwnChain, signal: AbortSignal): Promise<void> {
    if (!(await hasJump(family, [chain], signal))) return;
    await restoreRules({ family, input: buildRemovalInput(chain), signal });
    this.#logger.info({ chain: chain.chain }, 'packet rules removed');
  }

  async #ensureFamily(family: Family, chains: readonly OwnChain[], signal: AbortSignal): Promise<void> {
    const wanted = buildRestoreInput(chains, () => true);
    const isKnown = this.#written.get(family) === wanted;
    if (isKnown && (await isAccepted(family, buildFullCheckInput(chains), signal))) return;
    const present = new Set<OwnChain>();
    for (const chain of chains) if (await hasJump(family, [chain], signal)) present.add(chain);
    await restoreRules({ family, input: buildRestoreInput(chains, chain => present.has(chain)), signal });
    this.#written.set(family, wanted);
    this.#logger.info(
      { family, chains: chains.map(({ chain }) => chain) },
      isKnown ? 'packet rules restored, somebody had removed them' : 'packet rules written',
    );
  }
}

// As an earlier run with masquerade may have left it; its rules do not matter for a removal.
const MASQUERADE_CHAIN = buildMasqueradeChain({ ownPodCIDR: '0.0.0.0/0', clusterPodCIDRs: [] });

function buildChains(input: MasqueradeInputs, masquerade: boolean): readonly OwnChain[] {
  return [...(masquerade ? [buildMasqueradeChain(input)] : []), buildForwardChain(input)];
}

function hasJump(family: Family, chains: readonly OwnChain[], signal: AbortSignal): Promise<boolean> {
  return isAccepted(family, buildCheckInput(chains), signal);
}

async function isAccepted(family: Family, input: string, signal: AbortSignal): Promise<boolean> {
  try {
    await restoreRules({ family, input, signal });
    return true;
  } catch (error) {
    // "Bad rule": not there, or the chain it leads to is not.
    if (error instanceof InvalidError) return false;
    throw error;
  }
}
