// The input for iptables-restore that makes, checks or takes away our own chains.
import type { OwnChain } from './masquerade-rules.ts';

/** One transaction: our chains are created or refilled, and the jumps that are missing are added at the end. */
export function buildRestoreInput(
  chains: readonly OwnChain[],
  hasJump: (chain: OwnChain) => boolean,
): string {
  return chains
    .map(own =>
      tableInput(own, [
        `:${own.chain} - [0:0]`,
        ...own.rules.map(rule => `-A ${own.chain} ${rule}`),
        ...(hasJump(own) ? [] : [`-A ${jump(own)}`]),
      ]),
    )
    .join('');
}

/** Refused by iptables-restore as long as the jump is not there. */
export function buildCheckInput(chains: readonly OwnChain[]): string {
  return chains.map(own => tableInput(own, [`-C ${jump(own)}`])).join('');
}

/** Refused as well when one of our rules is missing: a chain that somebody flushed keeps its jump. */
export function buildFullCheckInput(chains: readonly OwnChain[]): string {
  return chains
    .map(own => tableInput(own, [`-C ${jump(own)}`, ...own.rules.map(rule => `-C ${own.chain} ${rule}`)]))
    .join('');
}

/** Only for a chain whose jump is there; the other rules of the built-in chain stay. */
export function buildRemovalInput(own: OwnChain): string {
  return tableInput(own, [`:${own.chain} - [0:0]`, `-D ${jump(own)}`, `-X ${own.chain}`]);
}

function jump({ hook, jumpComment, chain }: OwnChain): string {
  return `${hook} -m comment --comment "${jumpComment}" -j ${chain}`;
}

function tableInput({ table }: OwnChain, lines: readonly string[]): string {
  return [`*${table}`, ...lines, 'COMMIT', ''].join('\n');
}
