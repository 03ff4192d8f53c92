// The strategic merge patch between two pod statuses (core/v1 PodStatus patch strategies: conditions merge by type,
// podIPs and hostIPs by ip, container status lists are replaced whole).

import { isDeepStrictEqual } from 'node:util';
import type { PodCondition, PodStatus } from '../api/objects.ts';

type Json = Record<string, unknown>;

/** The patch body's `status`, or undefined when the server has it all already. */
export function buildStatusPatch(old: PodStatus, next: PodStatus): Json | undefined {
  const patch: Json = {};
  for (const key of new Set([...Object.keys(old), ...Object.keys(next)])) {
    const field = key as keyof PodStatus; // keys of the two objects above
    if (!isDeepStrictEqual(old[field], next[field])) Object.assign(patch, patchField(field, old, next));
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

function patchField(field: keyof PodStatus, old: PodStatus, next: PodStatus): Json {
  switch (field) {
    case 'conditions':
      return patchConditions(old.conditions ?? [], next.conditions ?? []);
    case 'podIPs':
    case 'hostIPs':
      return { [field]: patchAddresses(old[field] ?? [], next[field] ?? []) };
    case 'resources':
    case 'allocatedResources':
      return { [field]: patchObject(old[field], next[field]) };
    default:
      return OWNED_FIELDS.has(field) ? { [field]: next[field] ?? null } : {};
  }
}

// Fields of other writers (nominatedNodeName, resourceClaimStatuses ...) may stand in the object; they are not ours to clear.
const OWNED_FIELDS: ReadonlySet<string> = new Set([
  'phase',
  'observedGeneration',
  'message',
  'reason',
  'hostIP',
  'podIP',
  'startTime',
  'qosClass',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
]);

// Ours, and there only for a while. Any other that is missing in what we built may have come from somebody else meanwhile.
const PASSING_CONDITIONS: ReadonlySet<string> = new Set(['PodResizePending', 'PodResizeInProgress']);

function patchConditions(old: readonly PodCondition[], next: readonly PodCondition[]): Json {
  const before = new Map(old.map(condition => [condition.type, condition]));
  const changed = next.filter(condition => !isDeepStrictEqual(before.get(condition.type), condition));
  const after = new Set(next.map(({ type }) => type));
  const gone = old.filter(({ type }) => PASSING_CONDITIONS.has(type) && !after.has(type));
  if (changed.length + gone.length === 0) return {};
  return {
    conditions: [
      ...changed.map(condition => withRemovals(before.get(condition.type), condition)),
      ...gone.map(({ type }) => ({ type, $patch: 'delete' })),
    ],
  };
}

// A merge keeps keys that are not named, so a reason that is gone has to be set to null.
function withRemovals(old: PodCondition | undefined, next: PodCondition): Json {
  const removed = Object.keys(old ?? {}).filter(key => !(key in next));
  return { ...next, ...Object.fromEntries(removed.map(key => [key, null])) };
}

// Maps are merged key by key, at every depth.
function patchObject(old: unknown, next: unknown): unknown {
  if (!isObject(old) || !isObject(next)) return next ?? null;
  const keys = new Set([...Object.keys(old), ...Object.keys(next)]);
  return Object.fromEntries([...keys].map(key => [key, patchObject(old[key], next[key])]));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

function patchAddresses(old: readonly { ip: string }[], next: readonly { ip: string }[]): Json[] {
  const removed = old.filter(({ ip }) => !next.some(candidate => candidate.ip === ip));
  const order = next.map(({ ip }) => ({ ip }));
  return [...order, ...removed.map(({ ip }) => ({ ip, $patch: 'delete' }))];
}
