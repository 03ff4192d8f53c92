// What became of specs: of this run, and the last that is known of each agent.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../agent/lib/atomic-file.ts';
import type { AgentName } from './cluster.ts';

export const LOG_ROOT = '/var/log/nodelet-conformance';

export interface SpecResult {
  readonly name: string;
  /** ginkgo's word for it: `passed`, `skipped`, `failed`, `timedout`, `panicked`, `interrupted` ... */
  readonly state: string;
  readonly seconds: number;
  readonly message?: string;
  readonly location?: string;
}

export type Verdict = 'passed' | 'failed' | 'skipped';

export function verdictOf({ state }: SpecResult): Verdict {
  return state === 'passed' || state === 'skipped' ? state : 'failed';
}

/** Reads complete lines of what the suite writes; the rest is what belongs to the next call. */
export function parseResultLines(text: string): {
  readonly results: readonly SpecResult[];
  readonly rest: string;
} {
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  // Written by our own suite program, one whole object per line.
  return { results: lines.filter(Boolean).map(line => JSON.parse(line) as SpecResult), rest };
}

/** The first line that says something. */
export function firstErrorLine({ message, state }: SpecResult): string {
  const lines = (message ?? '').split('\n').map(line => line.trim());
  return lines.find(line => line !== '')?.slice(0, 240) ?? state;
}

export async function readKnownResults(agent: AgentName): Promise<Map<string, SpecResult>> {
  const text = await readFile(knownPath(agent), 'utf8').catch(() => ''); // never run here
  return new Map(parseResultLines(text).results.map(result => [result.name, result]));
}

/** Puts this run's results in the place of older ones. */
export async function keepResults(agent: AgentName, results: readonly SpecResult[]): Promise<void> {
  const known = await readKnownResults(agent);
  for (const result of results) known.set(result.name, result);
  await mkdir(LOG_ROOT, { recursive: true });
  const lines = [...known.values()].map(result => `${JSON.stringify(result)}\n`);
  await writeFileAtomic(knownPath(agent), lines.join(''), 0o644);
}

function knownPath(agent: AgentName): string {
  return join(LOG_ROOT, `${agent}.jsonl`);
}
