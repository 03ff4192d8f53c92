export interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
  readonly line: number;
}

/** Imports and re-exports of a module, static and dynamic; comments and strings that look like one do not occur. */
export function parseImports(source: string): readonly Import[] {
  const imports: Import[] = [];
  const pattern =
    /^(?:import|export)\s+(?:(type)\s+)?([^'";]*?)\s*from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm;
  for (const match of source.matchAll(pattern)) {
    const [, type, names = '', from, sideEffect, dynamic] = match;
    const line = source.slice(0, match.index).split('\n').length;
    const specifier = from ?? sideEffect ?? dynamic;
    if (specifier === undefined) continue;
    imports.push({ specifier, isTypeOnly: type !== undefined || areAllTypes(names), line });
  }
  return imports;
}

/** `{ type A, type B }` */
function areAllTypes(names: string): boolean {
  const inner = /^\{([^}]*)\}$/.exec(names.trim())?.[1];
  if (inner === undefined) return false;
  const parts = inner.split(',').flatMap(part => (part.trim() === '' ? [] : [part.trim()]));
  return parts.length > 0 && parts.every(part => part.startsWith('type '));
}
