// Writes many chains while they are being planned. iptables-nft takes time with the square of what it is given at once
// (10,000 Services: half a minute in one piece, a few seconds in many), so they go in bites.
import { restoreRules } from '../host/iptables.ts';
import { buildRestoreInput } from './build-restore-input.ts';
import type { Jump } from './plan-base-rules.ts';
import type { ChainId, RulesetChange } from './ruleset.ts';
import type { Family } from './service-port.ts';

export interface BiteWriterOptions {
  readonly family: Family;
  readonly maxLines: number;
  readonly signal: AbortSignal;
}

/**
 * Chains have to come in an order in which each leads only to chains before it. One bite is being written while the next
 * one fills, so that no more than two are ever in memory.
 */
export class BiteWriter {
  readonly #options: BiteWriterOptions;
  #bite = new Map<ChainId, readonly string[] | undefined>();
  #lines = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: BiteWriterOptions) {
    this.#options = options;
  }

  async add(change: RulesetChange): Promise<void> {
    for (const [id, rules] of change) {
      const size = 1 + (rules?.length ?? 1);
      if (this.#bite.size > 0 && this.#lines + size > this.#options.maxLines) await this.#write([]);
      this.#bite.set(id, rules);
      this.#lines += size;
    }
  }

  /** Writes what is left, and the ways in: the first packets come when all of it is there. */
  async finish(jumps: readonly Jump[]): Promise<void> {
    await this.#write(jumps);
    await this.#writing;
  }

  /** Returns when the bite before this one is written; throws when it could not be. */
  async #write(jumps: readonly Jump[]): Promise<void> {
    const input = buildRestoreInput(this.#bite, jumps);
    this.#bite = new Map();
    this.#lines = 0;
    await this.#writing;
    if (input === '') return;
    const { family, signal } = this.#options;
    this.#writing = restoreRules({ family, input, signal });
    this.#writing.catch(() => {}); // whoever awaits it next gets the error
  }
}
