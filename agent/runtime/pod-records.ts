// What was read of one pod's sandboxes and containers, each with the number of the look that read it. Looks overlap:
// per record the newest look wins, also about what is no longer there.

import type { Container, ContainerStatus, PodSandbox, PodSandboxStatus } from '../../cri-proto/runtime.v1.ts';
import { buildObservedPod } from './build-observed.ts';
import type { ObservedPod } from './observed-pod.ts';

export interface SandboxRecord {
  readonly kind: 'sandbox';
  readonly item: PodSandbox;
  readonly status: PodSandboxStatus | undefined;
}

export interface ContainerRecord {
  readonly kind: 'container';
  readonly item: Container;
  readonly status: ContainerStatus;
}

export type RuntimeRecord = SandboxRecord | ContainerRecord;

export class PodRecords {
  readonly #records = new Map<string, { readonly record: RuntimeRecord; readonly look: number }>();
  /** What a look did not find: an older one that still saw it is behind. */
  readonly #gone = new Map<string, number>();

  get(id: string): RuntimeRecord | undefined {
    return this.#records.get(id)?.record;
  }

  /** True when nothing is there and no older look can say otherwise. */
  get isForgotten(): boolean {
    return this.#records.size === 0 && this.#gone.size === 0;
  }

  /** Takes what a look at everything found: what it did not find is gone. */
  setAll(records: readonly RuntimeRecord[], look: number): void {
    const found = new Set(records.map(({ item }) => item.id));
    for (const id of this.#records.keys()) if (!found.has(id)) this.remove(id, look);
    for (const record of records) this.set(record, look);
  }

  set(record: RuntimeRecord, look: number): void {
    const { id } = record.item;
    const known = Math.max(this.#records.get(id)?.look ?? 0, this.#gone.get(id) ?? 0);
    if (known <= look) this.#records.set(id, { record, look });
  }

  remove(id: string, look: number): void {
    if ((this.#records.get(id)?.look ?? 0) > look) return;
    this.#records.delete(id);
    this.#gone.set(id, look);
  }

  /** Looks up to this one have all ended: none can bring back what was gone by then. */
  forgetGoneBefore(look: number): void {
    for (const [id, at] of this.#gone) if (at < look) this.#gone.delete(id);
  }

  build(podUID: string): ObservedPod | undefined {
    const records = [...this.#records.values()].map(({ record }) => record);
    return buildObservedPod(
      podUID,
      records.filter(record => record.kind === 'sandbox'),
      records.filter(record => record.kind === 'container'),
    );
  }
}

/** A status tells all that a list's item does but a container's sandbox. */
export function sandboxRecord(status: PodSandboxStatus): SandboxRecord {
  return { kind: 'sandbox', item: status, status };
}

export function containerRecord(status: ContainerStatus, podSandboxId: string): ContainerRecord {
  return { kind: 'container', item: { ...status, podSandboxId }, status };
}
