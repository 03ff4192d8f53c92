/** One thing that an agent would change on this node, as it is told beforehand. */
export interface ForeseenChange {
  readonly kind: 'setting' | 'node' | 'container' | 'image' | 'rules';
  /** E.g. `maxPods`, `default/web-1 main`. */
  readonly subject: string;
  /** E.g. `110 -> 50`, `restarts`, `ends`, `starts`. */
  readonly change: string;
  readonly why: string;
  /** Something that runs now is ended for it. */
  readonly isDisturbing: boolean;
}

/** What the agent that runs was started with. */
export interface PresentAgent {
  readonly name: 'nodelet' | 'kubelet';
  /** Undefined where it does not tell. */
  readonly version: string | undefined;
  /** Undefined where they cannot be known. */
  readonly settings: readonly ShownSetting[] | undefined;
}

/** By its name in the file. */
export interface ShownSetting {
  readonly path: string;
  readonly value: unknown;
}
