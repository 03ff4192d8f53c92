// Rules as values, so that they can be compared: the chains of one address family and the rules in each, as iptables-save
// prints them but for the `-A CHAIN` in front.
import type { Family } from './service-port.ts';

export type Table = 'filter' | 'nat' | 'mangle';
export const TABLES: readonly Table[] = ['filter', 'nat', 'mangle'];

/** `nat KUBE-SERVICES` */
export type ChainId = `${Table} ${string}`;

export type Ruleset = ReadonlyMap<ChainId, readonly string[]>;

/** What has to become of some chains; undefined: the chain goes. */
export type RulesetChange = ReadonlyMap<ChainId, readonly string[] | undefined>;

/** One rule of a chain to which many service ports contribute. */
export interface SharedRule {
  readonly chain: ChainId;
  /** The destination it matches, where it matches one. */
  readonly address: string | undefined;
  readonly rule: string;
}

/** What one service port contributes. */
export interface PortRules {
  /** Chains of its own; an endpoint's chain comes before those that lead to it. */
  readonly chains: Ruleset;
  readonly shared: readonly SharedRule[];
}

/** What the rules depend on besides Services and endpoints. A change of it changes everything. */
export interface RuleContext {
  readonly family: Family;
  readonly nodeName: string;
  readonly zone: string | undefined;
  /** Own address: a source range that holds it lets the node through to a load balancer's address. */
  readonly nodeIP: string | undefined;
  /** One bit, e.g. 0x4000. */
  readonly masqueradeMark: number;
  readonly masqueradeAll: boolean;
  /** How to tell packets of this node's pods; undefined: no way. */
  readonly localSource: LocalSource | undefined;
  /** `all`, or the own addresses on which node ports answer. */
  readonly nodePortAddresses: 'all' | readonly string[];
  readonly localhostNodePorts: boolean;
  /** Comments of endpoint rules cost more than the rules; a large cluster goes without, as with kube-proxy. */
  readonly hasEndpointComments: boolean;
  /** INVALID packets must be dropped unless conntrack is liberal about TCP windows. */
  readonly dropsInvalid: boolean;
}

export interface LocalSource {
  /** Match for packets of local pods, e.g. `-s 10.244.1.0/24`. */
  readonly is: string;
  readonly isNot: string;
}

export function chainId(table: Table, name: string): ChainId {
  return `${table} ${name}`;
}

export function splitChainId(id: ChainId): { readonly table: Table; readonly name: string } {
  const blank = id.indexOf(' ');
  // The type says what stands before the blank.
  return { table: id.slice(0, blank) as Table, name: id.slice(blank + 1) };
}

export function comment(text: string): string {
  return `-m comment --comment "${text}"`;
}

export function markText(mark: number): string {
  return `0x${mark.toString(16).padStart(8, '0')}`;
}
