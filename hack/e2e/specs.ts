// Which specs there are, and which of them to run.
import { parse } from 'yaml';

export interface Spec {
  /** Full text, as the suite itself calls it. */
  readonly name: string;
  /** E.g. `node`, for sig-node. */
  readonly sig: string;
  /** The feature: the source file without its ending, e.g. `container_probe`. */
  readonly group: string;
}

export interface ListedSpec {
  readonly name: string;
  /** How long it took when it was last seen to pass. */
  readonly seconds: number;
}

export interface SpecFilter {
  readonly focus?: RegExp;
  readonly skip?: RegExp;
  readonly list?: readonly ListedSpec[];
}

/** What a spec is taken to last that nobody has timed. */
export const UNKNOWN_SECONDS = 10;

/** Reads upstream's conformance.yaml. */
export function parseConformanceList(text: string): Spec[] {
  const entries: unknown = parse(text);
  if (!Array.isArray(entries)) throw new Error('the conformance list is no list');
  return entries.map((entry: { readonly codename?: unknown; readonly file?: unknown }) => {
    if (typeof entry.codename !== 'string' || typeof entry.file !== 'string')
      throw new Error(`entry without codename or file: ${JSON.stringify(entry)}`);
    return describeSpec(entry.codename, entry.file);
  });
}

/** One spec per line, with the seconds it takes in front if they are known; `#` begins a comment line. */
export function parseSpecList(text: string): ListedSpec[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [, seconds, name] = /^(?:(\d+(?:\.\d+)?)\s+)?(.*)$/.exec(line) ?? [];
      return { name: name ?? line, seconds: seconds === undefined ? UNKNOWN_SECONDS : Number(seconds) };
    });
}

export function formatSpecList(header: string, specs: readonly ListedSpec[]): string {
  const sorted = specs.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const lines = sorted.map(({ name, seconds }) => `${seconds.toFixed(1).padStart(6)} ${name}`);
  return `${[header.trimEnd(), ...lines].filter(Boolean).join('\n')}\n`;
}

/** A list may name specs beyond conformance; without one the choice is among the conformance specs. */
export function selectSpecs(all: readonly Spec[], { focus, skip, list }: SpecFilter): Spec[] {
  const known = new Map(all.map(spec => [spec.name, spec]));
  const candidates = list?.map(({ name }) => known.get(name) ?? describeSpec(name, 'other')) ?? all;
  return candidates.filter(
    ({ name }) => (focus === undefined || focus.test(name)) && (skip === undefined || !skip.test(name)),
  );
}

/**
 * As many specs as `budgetSeconds` allows for, spread over all groups: each group in turn gives its quickest one that
 * is left. Serial specs count for all processes.
 */
export function chooseSubset(
  specs: readonly Spec[],
  seconds: ReadonlyMap<string, number>,
  { budgetSeconds, procs }: { readonly budgetSeconds: number; readonly procs: number },
): Spec[] {
  const cost = ({ name }: Spec) => (seconds.get(name) ?? UNKNOWN_SECONDS) / (isSerial(name) ? 1 : procs);
  const queues = [...Map.groupBy(specs, ({ sig, group }) => `${sig} ${group}`).values()].map(group =>
    group.toSorted((a, b) => cost(a) - cost(b)),
  );
  const chosen: Spec[] = [];
  let left = budgetSeconds;
  for (let round = 0; queues.some(queue => queue.length > round); round++) {
    for (const queue of queues) {
      const spec = queue[round];
      if (spec === undefined || cost(spec) > left) continue;
      left -= cost(spec);
      chosen.push(spec);
    }
  }
  return chosen;
}

function isSerial(name: string): boolean {
  return name.includes('[Serial]');
}

function describeSpec(name: string, file: string): Spec {
  const sig = /^\[sig-([\w-]+)\]/.exec(name)?.[1] ?? 'none';
  return { name, sig, group: file.replace(/^.*\//, '').replace(/\.go$/, '') };
}
