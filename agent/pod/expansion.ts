import { InvalidError } from '../lib/errors.ts';

/** More than any process can be given, arguments and environment together (execve(2): three quarters of 8 MiB). */
export const MAX_PROCESS_BYTES = 6 * 1024 * 1024;

/**
 * Expands `$(NAME)` as Kubernetes does: one pass, `$$` is a literal `$`, an unknown name stays as written. Throws
 * InvalidError when it grows too long: variables that name others may double with every line of a manifest.
 */
export function expandVariables(
  text: string,
  lookUp: (name: string) => string | undefined,
  maxLength = MAX_PROCESS_BYTES,
): string {
  const parts: string[] = [];
  let length = 0;
  const add = (part: string): void => {
    parts.push(part);
    length += part.length;
    if (length > maxLength) throw tooLong(maxLength);
  };
  const lastEnd = text.lastIndexOf(')');
  let from = 0;
  for (let at = text.indexOf('$'); at >= 0; at = text.indexOf('$', from)) {
    add(text.slice(from, at));
    const follower = text.charAt(at + 1);
    if (follower === '(' && at < lastEnd) {
      const end = text.indexOf(')', at);
      from = end + 1;
      add(lookUp(text.slice(at + 2, end)) ?? text.slice(at, from));
    } else {
      add('$');
      from = at + (follower === '$' ? 2 : 1);
    }
  }
  add(text.slice(from));
  return parts.join('');
}

/** Each of several texts of one process. */
export function expandAll(texts: readonly string[], variables: ReadonlyMap<string, string>): string[] {
  let room = MAX_PROCESS_BYTES;
  return texts.map(text => {
    const expanded = expandVariables(text, name => variables.get(name), room);
    room -= expanded.length;
    return expanded;
  });
}

function tooLong(maxLength: number): InvalidError {
  const message = `with its variables in place it is longer than ${maxLength} characters`;
  return new InvalidError(message, { code: 'TooLong' });
}
