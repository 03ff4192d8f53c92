// What went wrong with pods lately, in the words of their Events: what `nodelet explain` quotes.

export interface RecentWarning {
  readonly reason: string;
  readonly message: string;
  /** `spec.containers{app}`; undefined for what concerns the whole pod. */
  readonly fieldPath: string | undefined;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly count: number;
}

const PODS_MAX = 1024;
const WARNINGS_PER_POD = 8;

export class RecentWarnings {
  /** Least recently warned pod first; each pod's warnings newest last. */
  readonly #pods = new Map<string, readonly RecentWarning[]>();

  /** True when this text is new among the pod's last ones. */
  add(
    podUID: string,
    warning: Pick<RecentWarning, 'reason' | 'message' | 'fieldPath'>,
    nowMs: number,
  ): boolean {
    const known = this.#pods.get(podUID) ?? [];
    const same = known.find(
      one =>
        one.reason === warning.reason &&
        one.message === warning.message &&
        one.fieldPath === warning.fieldPath,
    );
    const next: RecentWarning = {
      ...warning,
      firstAtMs: same?.firstAtMs ?? nowMs,
      lastAtMs: nowMs,
      count: (same?.count ?? 0) + 1,
    };
    this.#pods.delete(podUID);
    this.#pods.set(podUID, [...known.filter(one => one !== same), next].slice(-WARNINGS_PER_POD));
    if (this.#pods.size > PODS_MAX) this.#forgetOldest();
    return same === undefined;
  }

  /** Newest first. */
  of(podUID: string): readonly RecentWarning[] {
    return (this.#pods.get(podUID) ?? []).toReversed();
  }

  #forgetOldest(): void {
    for (const oldest of this.#pods.keys()) {
      this.#pods.delete(oldest);
      return;
    }
  }
}
