// The table of what the node's API answers, and the look-up in it.

import type { Handler } from './exchange.ts';

export interface Route {
  /** `*`: every method. */
  readonly methods: readonly string[] | '*';
  /** `{name}` takes one part of the path, `{name*}` at the end all that is left. */
  readonly path: string;
  readonly handle: Handler;
  /** May answer with 101 and take the connection over. */
  readonly canUpgrade?: boolean;
  /** Answered on the read-only port too, where nobody is asked who they are. */
  readonly isOpen?: boolean;
}

export type RouteMatch =
  | {
      readonly kind: 'found';
      readonly route: Route;
      readonly params: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'wrongMethod'; readonly allowed: readonly string[] }
  | { readonly kind: 'notFound' };

interface CompiledRoute {
  readonly route: Route;
  readonly parts: readonly string[];
}

export class Router {
  /** By the first part of the path, which no route leaves open. */
  readonly #byRoot: ReadonlyMap<string, readonly CompiledRoute[]>;
  readonly #roots: ReadonlySet<string>;

  constructor(routes: readonly Route[]) {
    const compiled = routes.map(route => ({ route, parts: splitPath(route.path) }));
    this.#byRoot = Map.groupBy(compiled, ({ parts }) => parts[0] ?? '');
    this.#roots = new Set(this.#byRoot.keys());
  }

  /** The first parts of all paths. */
  get roots(): ReadonlySet<string> {
    return this.#roots;
  }

  /** `path` is decoded, and no part of it holds a slash. */
  match(method: string, path: string): RouteMatch {
    const parts = splitPath(path);
    const allowed: string[] = [];
    for (const { route, parts: pattern } of this.#byRoot.get(parts[0] ?? '') ?? []) {
      const params = matchParts(pattern, parts);
      if (!params) continue;
      if (route.methods === '*' || route.methods.includes(method)) return { kind: 'found', route, params };
      allowed.push(...route.methods);
    }
    return allowed.length > 0 ? { kind: 'wrongMethod', allowed } : { kind: 'notFound' };
  }

  canUpgrade(path: string): boolean {
    const root = splitPath(path)[0] ?? '';
    return this.#byRoot.get(root)?.some(({ route }) => route.canUpgrade === true) ?? false;
  }
}

/** `/a/b/` is `a`, `b`; empty parts in the middle stay, so that a handler can say which one is missing. */
function splitPath(path: string): readonly string[] {
  const parts = path.replace(/^\//, '').split('/');
  return parts.length > 1 && parts.at(-1) === '' ? parts.slice(0, -1) : parts;
}

function matchParts(
  pattern: readonly string[],
  parts: readonly string[],
): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    if (/^\{\w+\*\}$/.test(expected)) {
      params[expected.slice(1, -2)] = parts.slice(index).join('/');
      return params;
    }
    const part = parts[index];
    if (part === undefined) return undefined;
    if (expected.startsWith('{')) params[expected.slice(1, -1)] = part;
    else if (part !== expected) return undefined;
  }
  return pattern.length === parts.length ? params : undefined;
}
