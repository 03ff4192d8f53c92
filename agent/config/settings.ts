// Layers on top of each other, then defaults: one value and one origin for every field.

import { isRecord } from '../lib/is-record.ts';
import type { Assignment } from './assignment.ts';
import { FIELD_NAMES, type FieldName, fieldOf, type Values } from './fields.ts';
import type { Origin } from './origin.ts';

export interface Setting {
  readonly field: FieldName;
  readonly value: unknown;
  readonly origin: Origin;
  /** For maps: where each key came from. */
  readonly entryOrigins: ReadonlyMap<string, Origin>;
}

export type Settings = ReadonlyMap<FieldName, Setting>;

/** Lays assignments over each other, lowest layer first. */
export function mergeAssignments(assignments: readonly Assignment[]): Settings {
  const settings = new Map<FieldName, Setting>();
  for (const assignment of assignments) {
    const { field, value, origin } = assignment;
    if (value === undefined) settings.delete(field);
    else if (fieldOf(field).isMap && isRecord(value))
      settings.set(field, mergeMap(assignment, value, settings));
    else settings.set(field, { field, value, origin, entryOrigins: new Map() });
  }
  return settings;
}

function mergeMap(
  assignment: Assignment,
  value: Readonly<Record<string, unknown>>,
  settings: Settings,
): Setting {
  const below = assignment.replaces ? undefined : settings.get(assignment.field);
  const merged = { ...(isRecord(below?.value) ? below.value : {}), ...value };
  const entryOrigins = new Map(below?.entryOrigins);
  for (const key of Object.keys(value)) {
    entryOrigins.set(key, assignment.entryOrigins?.get(key) ?? assignment.origin);
  }
  for (const key of assignment.removedKeys ?? []) {
    delete merged[key];
    entryOrigins.delete(key);
  }
  return { field: assignment.field, value: merged, origin: assignment.origin, entryOrigins };
}

/** Fills in what nobody said. Some defaults follow from other settings, as in the kubelet. */
export function applyDefaults(given: Settings, hostname: string): Settings {
  const settings = new Map<FieldName, Setting>();
  for (const field of FIELD_NAMES)
    settings.set(field, given.get(field) ?? byDefault(field, fieldOf(field).fallback));

  const follow = (field: FieldName, value: unknown, why: string): void => {
    if (!given.has(field)) settings.set(field, byDefault(field, value, why));
  };
  const updateFrequency = given.get('nodeStatusUpdateFrequency');
  if (updateFrequency)
    follow('nodeStatusReportFrequency', updateFrequency.value, 'nodeStatusUpdateFrequency');
  follow('imageServiceEndpoint', settings.get('containerRuntimeEndpoint')?.value, 'containerRuntimeEndpoint');
  follow('nodelet.certDir', `${String(settings.get('nodelet.rootDir')?.value)}/pki`, 'nodelet.rootDir');
  follow('nodelet.hostnameOverride', hostname, 'host name');
  if (settings.get('mergeDefaultEvictionSettings')?.value === true) {
    const hard = given.get('evictionHard');
    if (hard) settings.set('evictionHard', underlayDefaults(hard));
  }
  return settings;
}

function byDefault(field: FieldName, value: unknown, why?: string): Setting {
  const origin: Origin = why === undefined ? { kind: 'default' } : { kind: 'default', why };
  const keys = fieldOf(field).isMap && isRecord(value) ? Object.keys(value) : [];
  return { field, value, origin, entryOrigins: new Map(keys.map(key => [key, origin])) };
}

function underlayDefaults(setting: Setting): Setting {
  const defaults = byDefault(setting.field, fieldOf(setting.field).fallback);
  if (!isRecord(defaults.value) || !isRecord(setting.value)) return setting;
  return {
    ...setting,
    value: { ...defaults.value, ...setting.value },
    entryOrigins: new Map([...defaults.entryOrigins, ...setting.entryOrigins]),
  };
}

export function readValues(settings: Settings): Values {
  const entries = FIELD_NAMES.map(name => [name, settings.get(name)?.value] as const);
  // applyDefaults() has set every name, each with a value its own field parsed.
  return Object.fromEntries(entries) as unknown as Values;
}
