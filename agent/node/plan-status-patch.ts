// The strategic merge patch for `nodes/<name>/status` that leads from the Node as it is to the status it should have.
import type { Node, NodeCondition, NodeStatus } from '../api/objects.ts';
import { isSameQuantity, type ResourceList } from './node-resources.ts';
import { isSameValue } from './same-value.ts';

export interface StatusPatch {
  readonly status: Readonly<Record<string, unknown>>;
}

// Replaced as a whole: nobody else writes below them, and the API merges no keys inside.
const WHOLE_FIELDS = [
  'daemonEndpoints',
  'nodeInfo',
  'images',
  'volumesInUse',
  'runtimeHandlers',
  'features',
] as const;

/**
 * Undefined when nothing but heartbeat times differs and `isReportDue` is false. Conditions of other writers are not
 * named in the patch and so stay (the API merges conditions by `type`).
 */
export function planStatusPatch(
  present: Node,
  desired: NodeStatus,
  { isReportDue }: { readonly isReportDue: boolean },
): StatusPatch | undefined {
  const before = present.status ?? {};
  const changes: Record<string, unknown> = {
    ...mapChange('capacity', before.capacity, desired.capacity),
    ...mapChange('allocatable', before.allocatable, desired.allocatable),
    ...addressChange(before, desired),
  };
  for (const field of WHOLE_FIELDS) {
    if (!isSameValue(withoutEmpty(before[field]), withoutEmpty(desired[field]))) {
      changes[field] = desired[field] ?? null;
    }
  }
  const haveConditionsChanged = (desired.conditions ?? []).some(
    condition => !isSameCondition(before.conditions, condition),
  );
  const hasChanged = haveConditionsChanged || Object.keys(changes).length > 0;
  if (!hasChanged && !isReportDue) return undefined;
  // Rides along and is no reason to write: an API server that does not know the field would drop it each time.
  if (!isSameValue(before.declaredFeatures, desired.declaredFeatures)) {
    changes['declaredFeatures'] = desired.declaredFeatures ?? [];
  }
  // Whenever we write, the heartbeat of all four goes along.
  return { status: { ...changes, conditions: desired.conditions ?? [] } };
}

function isSameCondition(present: readonly NodeCondition[] | undefined, condition: NodeCondition): boolean {
  const before = present?.find(({ type }) => type === condition.type);
  if (!before) return false;
  return isSameValue(
    { ...before, lastHeartbeatTime: undefined },
    { ...condition, lastHeartbeatTime: undefined },
  );
}

// Keys of a map merge one by one: what is gone needs an explicit null.
function mapChange(
  field: string,
  present: ResourceList = {},
  desired: ResourceList = {},
): Record<string, unknown> {
  const changes: Record<string, string | null> = {};
  for (const name of new Set([...Object.keys(present), ...Object.keys(desired)])) {
    if (!isSameQuantity(present[name], desired[name])) changes[name] = desired[name] ?? null;
  }
  return Object.keys(changes).length > 0 ? { [field]: changes } : {};
}

// The API merges addresses by type, which would lose the second InternalIP: the directive replaces the list.
function addressChange(present: NodeStatus, desired: NodeStatus): Record<string, unknown> {
  if (isSameValue(present.addresses ?? [], desired.addresses ?? [])) return {};
  return { addresses: [...(desired.addresses ?? []), { $patch: 'replace' }] };
}

function withoutEmpty(value: unknown): unknown {
  return Array.isArray(value) && value.length === 0 ? undefined : value;
}
