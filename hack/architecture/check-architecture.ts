// Does the code import what the architecture page says it may, and does the page show what is there? Pure: the caller
// reads the files.

import { posix } from 'node:path';
import { type FolderRule, type ImportTable, parseImportTable } from './import-table.ts';
import { type Import, parseImports } from './imports.ts';

export interface Module {
  /** From the checkout, e.g. `agent/pod/plan.ts`. */
  readonly path: string;
  readonly source: string;
}

/** Every disagreement, one line each. */
export function checkArchitecture(page: string, modules: readonly Module[]): readonly string[] {
  const table = parseImportTable(page);
  if (!table) return ['agent/README.md: no table `| folder | may import |`'];
  const sources = modules.filter(({ path }) => path.startsWith('agent/') && !path.endsWith('.test.ts'));
  return [
    ...sources.flatMap(module => checkModule(module, table)),
    ...checkFolders(sources, table),
    ...checkDiagram(page, new Set(modules.map(({ path }) => path))),
  ];
}

function checkModule({ path, source }: Module, table: ImportTable): readonly string[] {
  const folder = folderOf(path);
  const rule = table.rules.get(folder);
  return parseImports(source).flatMap(one => {
    const complaint = one.specifier.startsWith('.')
      ? checkLocal(path, folder, one, rule)
      : checkExternal(path, one);
    return complaint === undefined ? [] : [`${path}:${one.line}: ${complaint}`];
  });
}

function checkLocal(
  path: string,
  folder: string,
  { specifier, isTypeOnly }: Import,
  rule: FolderRule | undefined,
): string | undefined {
  const target = posix.join(posix.dirname(path), specifier);
  const targetFolder = folderOf(target);
  if (target.endsWith('.json') || targetFolder === folder) return undefined;
  if (targetFolder === 'main.ts') return 'nobody imports main.ts';
  if (targetFolder === 'cli' && folder !== 'main.ts') return 'only main.ts imports cli';
  if (rule?.values === undefined || rule.values.has(targetFolder)) return undefined;
  if (!isTypeOnly) return `${folder} may not import ${targetFolder}`;
  // A type binds nobody at run time, but the direction must hold all the same.
  return rule.types.has(targetFolder) ? undefined : `${folder} may not import types of ${targetFolder}`;
}

function checkExternal(path: string, { specifier, isTypeOnly }: Import): string | undefined {
  const isPure = /^(plan|build)[^/]*\.ts$/.test(posix.basename(path));
  return isPure && !isTypeOnly && specifier.startsWith('node:')
    ? `a plan or a builder is pure: no ${specifier}`
    : undefined;
}

/** `agent/pod/plan.ts` is in `pod`, `agent/main.ts` is `main.ts`, `cri-proto/x.ts` is in `cri-proto`. */
function folderOf(path: string): string {
  const [root = '', second = ''] = path.split('/');
  return root === 'agent' ? second : root;
}

function checkFolders(modules: readonly Module[], table: ImportTable): readonly string[] {
  const folders = new Set(modules.map(({ path }) => folderOf(path)));
  return [...folders]
    .filter(folder => !table.rules.has(folder))
    .map(folder => `agent/README.md: the table does not name agent/${folder}`);
}

/** Every `folder/module` that a diagram of the page names has to be there. */
function checkDiagram(page: string, paths: ReadonlySet<string>): readonly string[] {
  const blocks = [...page.matchAll(/^```\w*\n(.*?)^```/gms)].map(([, block = '']) => block);
  const named = blocks.flatMap(block =>
    [...block.matchAll(/(?<![\w./-])([a-z]+\/[a-z][a-z-]*)(?![\w/-]|\.[a-z])/g)].map(([, name = '']) => name),
  );
  const folders = new Set([...paths].map(folderOf));
  return [...new Set(named)]
    .filter(name => folders.has(name.split('/')[0] ?? '') && !paths.has(`agent/${name}.ts`))
    .map(name => `agent/README.md: the diagram names ${name}, but there is no agent/${name}.ts`);
}
