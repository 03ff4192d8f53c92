// The range of IDs that a pod's user namespace has on the host (KEP-127), in the kubelet's file. Pure.

import { isRecord } from '../lib/is-record.ts';

export interface IDRange {
  /** What root of the pod is on the host; the same for users and groups. */
  readonly hostId: number;
  readonly length: number;
}

/** Range 0 is the host's own; pods have those after it, as many as there may be pods. */
export function chooseRange(
  taken: readonly IDRange[],
  { idsPerPod, maxPods }: { readonly idsPerPod: number; readonly maxPods: number },
): IDRange | undefined {
  for (let slot = 1; slot <= maxPods; slot += 1) {
    const range = { hostId: slot * idsPerPod, length: idsPerPod };
    if (!taken.some(other => overlaps(other, range))) return range;
  }
  return undefined;
}

function overlaps(a: IDRange, b: IDRange): boolean {
  return a.hostId < b.hostId + b.length && b.hostId < a.hostId + a.length;
}

export function formatRange({ hostId, length }: IDRange): string {
  const mappings = [{ hostId, containerId: 0, length }];
  return JSON.stringify({ uidMappings: mappings, gidMappings: mappings });
}

/** Throws for anything that no kubelet and no agent of ours has written: such IDs are somebody else's. */
export function parseRange(text: string): IDRange {
  const file: unknown = JSON.parse(text);
  const uid = findMapping(file, 'uidMappings');
  const gid = findMapping(file, 'gidMappings');
  if (!uid || uid.hostId !== gid?.hostId || uid.length !== gid.length) {
    throw new Error(
      'invalid user namespace configuration: one mapping from 0 is needed, for users as for groups',
    );
  }
  return uid;
}

function findMapping(file: unknown, key: string): IDRange | undefined {
  const list: unknown = isRecord(file) ? file[key] : undefined;
  if (!Array.isArray(list) || list.length !== 1) return undefined;
  const [mapping]: unknown[] = list;
  if (!isRecord(mapping)) return undefined;
  const { hostId, containerId = 0, length } = mapping;
  if (typeof hostId !== 'number' || typeof length !== 'number') return undefined;
  return containerId === 0 && hostId > 0 && length > 0 ? { hostId, length } : undefined;
}
