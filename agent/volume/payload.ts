// What a content volume shall hold: the files by their path in the volume.
import { createHash } from 'node:crypto';

export interface FileProjection {
  readonly content: Buffer;
  /** Permission bits. */
  readonly mode: number;
  /** Owner of the file; root when missing. */
  readonly ownerUid?: number;
}

/** Files by relative path. */
export type Payload = ReadonlyMap<string, FileProjection>;

export type PayloadOutcome =
  | { readonly kind: 'built'; readonly payload: Payload }
  | { readonly kind: 'failed'; readonly problems: readonly string[] };

/** Several problems as one text, in the form the kubelet's events have. */
export function joinProblems(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] ?? '') : `[${[...new Set(problems)].join(', ')}]`;
}

/** Equal for equal files with equal content. */
export function digestOf(payload: Payload): string {
  const hash = createHash('sha256');
  for (const path of [...payload.keys()].sort()) {
    const content = payload.get(path)?.content ?? Buffer.alloc(0);
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

const MAX_PATH_BYTES = 4096; // PATH_MAX
const MAX_ELEMENT_BYTES = 255; // NAME_MAX

/** Why a file may not stand at this path of a volume; undefined when it may. */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'invalid path: must not be empty';
  if (path.startsWith('/')) return `invalid path: must be relative path: ${path}`;
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    return `invalid path: must be less than or equal to ${MAX_PATH_BYTES} characters`;
  }
  if (path.includes('\0')) return `invalid path: must not contain a NUL byte: ${JSON.stringify(path)}`;
  const elements = path.split('/');
  if (elements.includes('..')) return `invalid path: must not contain '..': ${path}`;
  if (elements.some(element => Buffer.byteLength(element) > MAX_ELEMENT_BYTES)) {
    return `invalid path: an element is longer than ${MAX_ELEMENT_BYTES} characters: ${path}`;
  }
  const first = elements[0] ?? '';
  // Names like ..data are the writer's own.
  return first.startsWith('..') ? `invalid path: must not start with '..': ${path}` : undefined;
}

/** `a//./b/` as `a/b`; the empty string when nothing is left. */
function cleanPath(path: string): string {
  return path
    .split('/')
    .filter(element => element !== '' && element !== '.')
    .join('/');
}

/** The payload with clean paths, or why it cannot be written. */
export function validatePayload(payload: Payload): PayloadOutcome {
  const clean = new Map<string, FileProjection>();
  const problems: string[] = [];
  for (const [path, file] of payload) {
    const problem = pathProblem(path) ?? (cleanPath(path) === '' ? `invalid path: ${path}` : undefined);
    if (problem === undefined) clean.set(cleanPath(path), file);
    else problems.push(problem);
  }
  problems.push(...fileAsDirectoryProblems(clean));
  return problems.length > 0 ? { kind: 'failed', problems } : { kind: 'built', payload: clean };
}

// `a` and `a/b` cannot both be files.
function fileAsDirectoryProblems(payload: Payload): string[] {
  return [...payload.keys()].flatMap(path => {
    const elements = path.split('/');
    const parents = elements.slice(1).map((_, index) => elements.slice(0, index + 1).join('/'));
    const clash = parents.find(parent => payload.has(parent));
    return clash === undefined ? [] : [`invalid path: ${clash} is a file and cannot hold ${path}`];
  });
}
