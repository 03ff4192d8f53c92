// Flags: the kubelet's own names for the kubelet's settings, ours for ours.

import { type Assignment, assign, type Layer } from './assignment.ts';
import { FIELD_NAMES, fieldOf, fieldOfFlag } from './fields.ts';
import { IGNORED_BOOLEAN_FLAGS, IGNORED_FLAGS } from './nodelet-fields.ts';
import { flagName, type Origin, type Problem } from './origin.ts';

/** A flag as given; a repeated flag has several values, a bare boolean flag has `true`. */
export interface FlagValue {
  readonly name: string;
  readonly values: readonly string[];
}

export interface FlagSpec {
  readonly name: string;
  readonly isBoolean: boolean;
  /** The setting in the file; undefined for a flag that is read and ignored. */
  readonly field: string | undefined;
  readonly type: string;
}

/** What a command line parser has to know, apart from --config and --config-dir. */
export function listFlags(): readonly FlagSpec[] {
  const ofFields = FIELD_NAMES.flatMap(name => {
    const { flag, isBoolean, type } = fieldOf(name);
    return flag === undefined ? [] : [{ name: flag, isBoolean, field: name, type }];
  });
  const ignored = Object.keys(IGNORED_FLAGS).map(name => ({
    name,
    isBoolean: IGNORED_BOOLEAN_FLAGS.has(name),
    field: undefined,
    type: 'ignored',
  }));
  return [...ofFields, ...ignored];
}

export interface FlagLayer extends Layer {
  readonly notices: readonly string[];
}

/** Reads flags into the topmost layer. */
export function parseFlags(flags: readonly FlagValue[], workingDir: string): FlagLayer {
  const assignments: Assignment[] = [];
  const problems: Problem[] = [];
  const notices: string[] = [];
  for (const { name, values } of flags) {
    const field = fieldOfFlag(name);
    if (field === undefined) {
      const why = IGNORED_FLAGS[name];
      if (why === undefined) problems.push({ path: flagName(name), message: 'unknown flag' });
      else notices.push(`${flagName(name)} is ignored: ${why}`);
      continue;
    }
    const origin: Origin = { kind: 'flag', flag: name };
    const { isMap, doesFlagMerge } = fieldOf(field);
    const raw = fieldOf(field).readFlag(values);
    if (raw === '' && fieldOf(field).isUnset(raw)) {
      assignments.push({ field, value: undefined, origin });
      continue;
    }
    const layer = assign(field, raw, origin, { baseDir: workingDir });
    assignments.push(
      ...layer.assignments.map(one => (isMap && !doesFlagMerge ? { ...one, replaces: true } : one)),
    );
    problems.push(...layer.problems);
  }
  return { assignments, problems, notices };
}
