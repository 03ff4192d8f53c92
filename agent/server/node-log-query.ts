// The parameters of a query for the host's own logs (NodeLogQuery, KEP-2258).

export interface NodeLogOptions {
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly tailLines?: number;
  readonly pattern?: string;
  /** 0: this boot, -1: the one before. */
  readonly boot?: number;
}

export type NodeLogQuery =
  /** No query at all: the path says which file. */
  | { readonly kind: 'none' }
  | { readonly kind: 'refused'; readonly status: 400 | 406; readonly text: string }
  /** Below /var/log. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'services'; readonly services: readonly string[]; readonly options: NodeLogOptions };

const MAX_SERVICES = 4;
const MAX_SERVICE_CHARACTERS = 256;
const MAX_TAIL_LINES = 100_000;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

export function parseNodeLogQuery(query: URLSearchParams): NodeLogQuery {
  const malformed: string[] = [];
  const asked = query.getAll('query');
  const names = asked.filter(name => name.trim() !== '');
  if (asked.length > 0 && names.length === 0) malformed.push('query: Invalid value: may not be empty');
  const options = readOptions(query, malformed);
  if (malformed.length > 0) return { kind: 'refused', status: 400, text: aggregate(malformed) };
  const hasOptions = Object.keys(options).length > 0;
  if (names.length === 0 && !hasOptions) return { kind: 'none' };

  const files = names.filter(name => /[/\\]/.test(name));
  const services = names.filter(name => !files.includes(name));
  const invalid = [...checkNames(files, services, hasOptions), ...checkOptions(options)];
  if (invalid.length > 0) return { kind: 'refused', status: 406, text: aggregate(invalid) };
  const [path] = files;
  return path === undefined ? { kind: 'services', services, options } : { kind: 'file', path };
}

function readOptions(query: URLSearchParams, problems: string[]): NodeLogOptions {
  const time = (name: string): number | undefined => {
    const text = query.get(name) ?? '';
    if (text === '') return undefined;
    const timeMs = RFC3339.test(text) ? Date.parse(text) : Number.NaN;
    if (!Number.isNaN(timeMs)) return timeMs;
    problems.push(`${name}: Invalid value: ${JSON.stringify(text)}: invalid time format`);
    return undefined;
  };
  const integer = (name: string): number | undefined => {
    const text = query.get(name) ?? '';
    if (text === '') return undefined;
    if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
    problems.push(`${name}: Invalid value: ${JSON.stringify(text)}: invalid syntax`);
    return undefined;
  };
  const options = {
    sinceMs: time('sinceTime'),
    untilMs: time('untilTime'),
    boot: integer('boot'),
    tailLines: integer('tailLines'),
    pattern: query.get('pattern') || undefined,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function checkNames(
  files: readonly string[],
  services: readonly string[],
  hasOptions: boolean,
): readonly string[] {
  const problems = services.flatMap(name => {
    const isSafe =
      name.length <= MAX_SERVICE_CHARACTERS && /^[\w.:@-]+$/.test(name) && !/^(?:-|\.+$)/.test(name);
    return isSafe ? [] : [`query: Invalid value: ${JSON.stringify(name)}: not the name of a service`];
  });
  if (services.length > MAX_SERVICES) {
    problems.push(`query: Too many: ${services.length}: must have at most ${MAX_SERVICES} items`);
  }
  if (files.length + services.length === 0)
    problems.push('query: Required value: cannot be empty with options');
  else if (files.length > 0 && services.length > 0)
    problems.push(`query: Invalid value: cannot specify a file and service`);
  else if (files.length > 1) problems.push('query: Invalid value: cannot specify more than one file');
  else if (files.length === 1 && hasOptions)
    problems.push('query: Invalid value: cannot specify file with options');
  return problems;
}

function checkOptions({ sinceMs, untilMs, boot, tailLines }: NodeLogOptions): readonly string[] {
  const problems: string[] = [];
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs > untilMs) {
    problems.push('untilTime: Invalid value: must be after `sinceTime`');
  }
  if (boot !== undefined && boot > 0) problems.push(`boot: Invalid value: ${boot}: must be less than 1`);
  if (tailLines !== undefined && (tailLines < 0 || tailLines > MAX_TAIL_LINES)) {
    const range = `must be between 0 and ${MAX_TAIL_LINES}, inclusive`;
    problems.push(`tailLines: Invalid value: ${tailLines}: ${range}`);
  }
  return problems;
}

function aggregate(problems: readonly string[]): string {
  return problems.length === 1 ? `${problems[0]}\n` : `[${problems.join(', ')}]\n`;
}

/** For journalctl. Every value is one argument, and none can be taken for an option. */
export function buildJournalArguments(
  services: readonly string[],
  options: NodeLogOptions,
): readonly string[] {
  const { sinceMs, untilMs, tailLines, pattern, boot = 0 } = options;
  const time = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ');
  return [
    '--utc',
    '--no-pager',
    '--output=short-precise',
    ...(sinceMs === undefined ? [] : [`--since=${time(sinceMs)}`]),
    ...(untilMs === undefined ? [] : [`--until=${time(untilMs)}`]),
    ...(tailLines === undefined ? [] : ['--pager-end', `--lines=${tailLines}`]),
    ...services.map(service => `--unit=${service}`),
    ...(pattern === undefined ? [] : [`--grep=${pattern}`]),
    `--boot=${boot}`,
  ];
}
