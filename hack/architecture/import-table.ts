// The import table of agent/README.md, read as rules. Its prose is a small language:
//   `name`                       the folder may be imported
//   edges                        every folder of the row marked "(edges)"
//   types of their peers         types of the other folders in the same row
//   (+ `x` for `y`)              only y may import x
//   config and x types for all   types of config and of x, everywhere
//   all of the above             every folder of the rows above
//   everything / whatever        no limit
// Clauses that begin with "never" or "nobody" only repeat what the others leave out.

export interface FolderRule {
  readonly folder: string;
  /** Folders whose values may be imported; undefined: all. */
  readonly values: ReadonlySet<string> | undefined;
  /** Folders of which types may be imported as well. */
  readonly types: ReadonlySet<string>;
}

export interface ImportTable {
  readonly rules: ReadonlyMap<string, FolderRule>;
}

interface Row {
  readonly folders: readonly string[];
  readonly isEdges: boolean;
  readonly grants: string;
}

/** Reads the table `| folder | may import |`; undefined when the page has none. */
export function parseImportTable(page: string): ImportTable | undefined {
  const rows = readRows(page);
  if (rows.length === 0) return undefined;
  const edges = rows.filter(row => row.isEdges).flatMap(row => row.folders);
  const rules = new Map<string, FolderRule>();
  const typesForAll = rows.flatMap(row => readTypesForAll(row.grants));
  const above: string[] = [];
  for (const row of rows) {
    for (const folder of row.folders) {
      rules.set(folder, readRule(folder, row, { edges, above, typesForAll }));
    }
    above.push(...row.folders);
  }
  return { rules };
}

function readRows(page: string): readonly Row[] {
  const lines = page.split('\n');
  const start = lines.findIndex(line => /^\|\s*folder\s*\|\s*may import\s*\|/.test(line));
  if (start < 0) return [];
  const rows: Row[] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    const [, names = '', cell = ''] = line.split('|');
    const grants = cell
      .split(';')
      .filter(clause => !/^\s*(never|nobody)\b/.test(clause))
      .join(';');
    rows.push({ folders: namesIn(names), isEdges: names.includes('(edges)'), grants });
  }
  return rows;
}

/** `config types for all`, `config and cri-proto types for all`. */
function readTypesForAll(grants: string): readonly string[] {
  const names = /([^,;(]*)\btypes for all/.exec(grants)?.[1] ?? '';
  return (names.match(/[a-z][a-z-]*/g) ?? []).filter(name => name !== 'and');
}

interface TableContext {
  readonly edges: readonly string[];
  readonly above: readonly string[];
  readonly typesForAll: readonly string[];
}

function readRule(folder: string, { folders, isEdges, grants }: Row, context: TableContext): FolderRule {
  const { edges, above, typesForAll } = context;
  const types = new Set(typesForAll);
  if (/\bpeers\b/.test(grants)) for (const peer of folders) types.add(peer);
  if (/\b(everything|whatever)\b/.test(grants)) return { folder, values: undefined, types };
  const values = new Set([folder, 'lib']);
  const conditional = /\(\+ `([^`]+)` for `([^`]+)`[^)]*\)/.exec(grants);
  if (conditional?.[1] !== undefined && conditional[2] === folder) values.add(conditional[1]);
  for (const name of namesIn(grants.replace(/\([^)]*\)/g, ''))) values.add(name);
  if (!isEdges && /\bedges\b/.test(grants)) for (const edge of edges) values.add(edge);
  if (/\ball of the above\b/.test(grants)) for (const name of above) values.add(name);
  return { folder, values, types };
}

function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}
