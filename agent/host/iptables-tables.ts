// What is in the kernel's tables now, as counts: how many rules each chain has, and the built-in chains' rules themselves.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { UnavailableError } from '../lib/errors.ts';
import { mapHostError } from './errors.ts';
import type { IPFamily } from './ip-address.ts';
import { isStillborn, stillbornError } from './stillborn.ts';

export interface TableContent {
  /** Rules per chain, the built-in ones included. */
  readonly chains: ReadonlyMap<string, number>;
  /** Rules of the built-in chains, as iptables-save prints them. */
  readonly builtInRules: readonly string[];
}

/** Reads iptables-save's output as it comes: with ten thousand Services it has more than 10 MB. */
export async function readTables(
  family: IPFamily,
  { signal }: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, TableContent>> {
  const program = family === 4 ? 'iptables-save' : 'ip6tables-save';
  const child = spawn(program, [], { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
  if (isStillborn(child)) throw await stillbornError(child);
  const parser = new SaveParser();
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => parser.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, 1000);
  });
  try {
    const [code] = await once(child, 'close');
    if (code !== 0)
      throw new UnavailableError(`${program}: ${complaint.trim()}`, { code: `Exit${String(code)}` });
  } catch (error) {
    throw mapHostError(error);
  }
  return parser.tables;
}

interface GrowingTable {
  readonly chains: Map<string, number>;
  readonly builtInRules: string[];
}

class SaveParser {
  readonly tables = new Map<string, GrowingTable>();
  readonly #builtIn = new Set<string>();
  #table: GrowingTable = { chains: new Map(), builtInRules: [] };
  #rest = '';

  /** The next piece of text; it may end within a line. */
  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#read(line);
  }

  #read(line: string): void {
    if (line.startsWith('*')) {
      this.#table = { chains: new Map(), builtInRules: [] };
      this.tables.set(line.slice(1), this.#table);
      this.#builtIn.clear();
    } else if (line.startsWith(':')) {
      const [name = '', policy] = line.slice(1).split(' ', 2);
      this.#table.chains.set(name, 0);
      if (policy !== '-') this.#builtIn.add(name);
    } else if (line.startsWith('-A ')) {
      const name = line.slice(3, line.indexOf(' ', 3));
      this.#table.chains.set(name, (this.#table.chains.get(name) ?? 0) + 1);
      if (this.#builtIn.has(name)) this.#table.builtInRules.push(line);
    }
  }
}
