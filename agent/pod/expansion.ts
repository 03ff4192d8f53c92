/** Expands `$(NAME)` as Kubernetes does: one pass, `$$` is a literal `$`, an unknown name stays as written. */
export function expandVariables(text: string, lookUp: (name: string) => string | undefined): string {
  return text.replaceAll(/\$(\$|\(([^)]*)\))/g, (match, follower: string, name: string | undefined) => {
    if (follower === '$') return '$';
    return lookUp(name ?? '') ?? match;
  });
}
