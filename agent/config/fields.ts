import { closest } from '../lib/closest.ts';
import type { Field } from './field.ts';
import { KUBELET_FIELDS } from './kubelet-fields.ts';
import { NODELET_FIELDS } from './nodelet-fields.ts';

/** Every setting by its path in the file. */
const FIELDS = { ...KUBELET_FIELDS, ...NODELET_FIELDS } as const;

export type FieldName = keyof typeof FIELDS;
type ValueOf<F> = F extends Field<infer T> ? T : never;
export type Values = { readonly [Name in FieldName]: ValueOf<(typeof FIELDS)[Name]> };

// Object.keys() widens to string; the keys of a const object are exactly its names.
export const FIELD_NAMES = Object.keys(FIELDS) as readonly FieldName[];

export function fieldOf(name: FieldName): Field<unknown> {
  return FIELDS[name];
}

export function isFieldName(name: string): name is FieldName {
  return Object.hasOwn(FIELDS, name);
}

/** Names directly below a section; the top level is ''. */
const CHILDREN: ReadonlyMap<string, ReadonlySet<string>> = collectChildren();

export function isSection(path: string): boolean {
  return CHILDREN.has(path);
}

export function fieldsBelow(section: string): readonly FieldName[] {
  return FIELD_NAMES.filter(name => name.startsWith(`${section}.`));
}

const FLAG_FIELDS: ReadonlyMap<string, FieldName> = new Map(
  FIELD_NAMES.flatMap(name => {
    const { flag } = fieldOf(name);
    return flag === undefined ? [] : [[flag, name] as const];
  }),
);

export function fieldOfFlag(flag: string): FieldName | undefined {
  return FLAG_FIELDS.get(flag);
}

/** The path somebody meant who wrote an unknown key: a typo, the wrong section, or a flag's name. */
export function suggestPath(section: string, key: string): string | undefined {
  const sibling = closest(key, CHILDREN.get(section) ?? []);
  if (sibling !== undefined) return join(section, sibling);
  const ofFlag = FLAG_FIELDS.get(key);
  if (ofFlag !== undefined) return ofFlag;
  const sameName = FIELD_NAMES.find(name => lastPart(name).toLowerCase() === key.toLowerCase());
  return sameName ?? FIELD_NAMES.find(name => lastPart(name) === closest(key, FIELD_NAMES.map(lastPart)));
}

export function join(section: string, key: string): string {
  return section === '' ? key : `${section}.${key}`;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function collectChildren(): ReadonlyMap<string, ReadonlySet<string>> {
  const children = new Map<string, Set<string>>();
  for (const name of FIELD_NAMES) {
    const parts = name.split('.');
    for (const [index, part] of parts.entries()) {
      const section = parts.slice(0, index).join('.');
      children.set(section, (children.get(section) ?? new Set()).add(part));
    }
  }
  return children;
}
