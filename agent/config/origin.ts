/** Where a value came from. */
export type Origin =
  | { readonly kind: 'default'; readonly why?: string }
  | { readonly kind: 'file'; readonly path: string; readonly line: number }
  | { readonly kind: 'flag'; readonly flag: string };

export function formatOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return origin.why === undefined ? 'default' : `default (${origin.why})`;
    case 'file':
      return `${origin.path}:${origin.line}`;
    case 'flag':
      return flagName(origin.flag);
  }
}

export function flagName(flag: string): string {
  return flag.length === 1 ? `-${flag}` : `--${flag}`;
}

export interface Problem {
  /** Path of the setting, e.g. `evictionHard.memory.available`; empty for a file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly origin?: Origin;
}

/** `maxPods: expected a whole number, got "many" (/etc/nodelet/config.yaml:3)` */
export function formatProblem({ path, message, origin }: Problem): string {
  const where = origin === undefined || origin.kind === 'default' ? '' : ` (${formatOrigin(origin)})`;
  return `${path === '' ? '' : `${path}: `}${message}${where}`;
}
