import type { FieldProblem } from './field.ts';
import { type FieldName, fieldOf } from './fields.ts';
import type { Origin, Problem } from './origin.ts';

/** One layer's word on one field. `undefined` as value takes back what lower layers said (null in a file). */
export interface Assignment {
  readonly field: FieldName;
  readonly value: unknown;
  readonly origin: Origin;
  /** For maps: where each key stands, and which keys are taken back. */
  readonly entryOrigins?: ReadonlyMap<string, Origin>;
  readonly removedKeys?: readonly string[];
  /** For maps: throw away the keys of lower layers. */
  readonly replaces?: boolean;
}

export interface Layer {
  readonly assignments: readonly Assignment[];
  readonly problems: readonly Problem[];
}

/** Reads one raw value for a field; problems carry the line of the map entry they are about. */
export function assign(
  field: FieldName,
  raw: unknown,
  origin: Origin,
  {
    baseDir,
    entryOrigins,
  }: { readonly baseDir: string; readonly entryOrigins?: ReadonlyMap<string, Origin> },
): Layer {
  const parsed = fieldOf(field).parse(raw, baseDir);
  if (parsed.ok) {
    const assignment = { field, value: parsed.value, origin };
    return {
      assignments: [entryOrigins === undefined ? assignment : { ...assignment, entryOrigins }],
      problems: [],
    };
  }
  return {
    assignments: [],
    problems: parsed.problems.map(problem => locate(field, problem, origin, entryOrigins)),
  };
}

function locate(
  field: FieldName,
  { suffix, message }: FieldProblem,
  origin: Origin,
  entryOrigins: ReadonlyMap<string, Origin> | undefined,
): Problem {
  return { path: `${field}${suffix}`, message, origin: entryOrigins?.get(suffix.slice(1)) ?? origin };
}
