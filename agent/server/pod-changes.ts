import type { RuntimeSnapshots } from '../runtime/snapshots.ts';

/** Tells those who wait for one pod that it looks different; they come and go with their requests. */
export class PodChanges {
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(snapshots: RuntimeSnapshots) {
    snapshots.onChange(podUID => {
      for (const listener of this.#listeners.get(podUID) ?? []) listener();
    });
  }

  /** Returns what ends it. */
  listen(podUID: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(podUID) ?? new Set();
    this.#listeners.set(podUID, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(podUID);
    };
  }
}
