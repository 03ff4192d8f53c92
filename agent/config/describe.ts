// The configuration for people: as a file that would give the same again, and field by field.

import { Document, type Node, Pair, Scalar, YAMLMap } from 'yaml';
import { isRecord } from '../lib/is-record.ts';
import { API_VERSION, KIND } from './document.ts';
import type { FieldStatus } from './field.ts';
import { FIELD_NAMES, type FieldName, fieldOf } from './fields.ts';
import { formatOrigin, type Origin } from './origin.ts';
import type { Settings } from './settings.ts';

const OWN_SECTION = 'nodelet';
// Its values are what a URL asks for: tokens, mostly. Who may read the configuration may not have them.
const SECRET_FIELD: FieldName = 'staticPodURLHeader';

export interface DescribedSetting {
  readonly path: string;
  /** As it would stand in a file. */
  readonly value: unknown;
  readonly origin: string;
  readonly status: FieldStatus;
}

/** Every setting that has a value; each entry of a map on its own. */
export function describeSettings(settings: Settings): readonly DescribedSetting[] {
  return leaves(settings).map(({ parts, value, origin, field }) => ({
    path: parts.join('.'),
    value,
    origin: formatOrigin(origin),
    status: fieldOf(field).status,
  }));
}

interface Leaf {
  readonly field: FieldName;
  /** Names from the top of the file; a map's key is one part, dots and all. */
  readonly parts: readonly string[];
  readonly value: unknown;
  readonly origin: Origin;
}

function leaves(settings: Settings): readonly Leaf[] {
  return [...settings.values()].flatMap(({ field, value, origin, entryOrigins }): Leaf[] => {
    if (value === undefined) return [];
    const parts = field.split('.');
    const shown = fieldOf(field).show(value);
    // A map without entries is a value of its own: an evictionHard that is empty switches the defaults off.
    if (!fieldOf(field).isMap || !isRecord(shown) || Object.keys(shown).length === 0) {
      return [{ field, parts, value: shown, origin }];
    }
    return Object.entries(shown).map(([key, item]) => ({
      field,
      parts: [...parts, key],
      value: item,
      origin: entryOrigins.get(key) ?? origin,
    }));
  });
}

/** The KubeletConfiguration in force, defaults included and without our section, as `/configz` shows it. */
export function buildKubeletConfiguration(settings: Settings): Readonly<Record<string, unknown>> {
  const document: Record<string, unknown> = { kind: KIND, apiVersion: API_VERSION };
  for (const { field, parts, value } of leaves(settings)) {
    if (parts[0] === OWN_SECTION) continue;
    let place = document;
    for (const part of parts.slice(0, -1)) {
      const below = place[part];
      const next: Record<string, unknown> = isRecord(below) ? { ...below } : {};
      place[part] = next;
      place = next;
    }
    place[parts.at(-1) ?? ''] = field === SECRET_FIELD && Array.isArray(value) ? ['<masked>'] : value;
  }
  return document;
}

/** The value in force of every flag that sets a field, as `/flagz` shows it. */
export function buildFlagValues(settings: Settings): Readonly<Record<string, string>> {
  const values = [...settings.values()].flatMap(({ field, value }): [string, string][] => {
    const { flag } = fieldOf(field);
    return flag === undefined
      ? []
      : [[flag, value === undefined ? '' : flagText(fieldOf(field).show(value))]];
  });
  return Object.fromEntries(values.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function flagText(shown: unknown): string {
  if (typeof shown === 'string') return shown;
  if (Array.isArray(shown)) return shown.map(flagText).join(',');
  if (!isRecord(shown)) return JSON.stringify(shown);
  return Object.entries(shown)
    .map(([key, value]) => `${key}=${flagText(value)}`)
    .join(',');
}

/** A KubeletConfiguration file with our section; with `hasOrigins`, each line says where its value came from. */
export function formatSettings(settings: Settings, { hasOrigins }: { readonly hasOrigins: boolean }): string {
  const document = new Document({ apiVersion: API_VERSION, kind: KIND });
  for (const { parts, value, origin } of leaves(settings)) {
    const node = document.createNode(value, { flow: true });
    if (hasOrigins) node.comment = ` ${formatOrigin(origin)}`;
    insert(document.contents, parts, node);
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function insert(map: unknown, [name = '', ...rest]: readonly string[], leaf: Node): void {
  if (!(map instanceof YAMLMap)) return;
  if (rest.length === 0) {
    map.add(new Pair(new Scalar(name), leaf));
    return;
  }
  const section: unknown = map.get(name) ?? new YAMLMap();
  if (!map.has(name)) map.add(new Pair(new Scalar(name), section));
  insert(section, rest, leaf);
}

export interface DescribedField {
  readonly path: string;
  readonly type: string;
  readonly default: unknown;
  readonly status: FieldStatus;
  readonly flag: string | undefined;
  readonly note: string | undefined;
}

/** Every field of KubeletConfiguration and of ours: honoured, accepted without effect yet, or refused. */
export function describeFields(): readonly DescribedField[] {
  return FIELD_NAMES.map(path => {
    const field = fieldOf(path);
    const { type, status, flag, note, fallback } = field;
    return {
      path,
      type,
      status,
      flag,
      note,
      default: fallback === undefined ? undefined : field.show(fallback),
    };
  });
}
