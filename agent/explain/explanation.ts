// What is said about a pod: the chain from its being scheduled to its being ready, and the one thing that holds it up.

/** `waiting`: not its turn yet, or under way. `blocked`: it was tried and failed, and is tried again. `failed`: for good. */
export type StepState = 'done' | 'waiting' | 'blocked' | 'failed';

export interface ExplainedStep {
  /** `scheduled`, `admitted`, `volumes`, `sandbox`, `init container NAME`, `container NAME`, `ready`, `terminated`. */
  readonly name: string;
  readonly state: StepState;
  readonly detail: string;
  /** When it was done. */
  readonly atMs?: number | undefined;
  /** From the end of the step before it. */
  readonly tookMs?: number | undefined;
}

export interface Blocker {
  readonly step: string;
  /** The reason of the Event or of the container's state. */
  readonly reason: string;
  /** The error at the root, in the words of the Event. */
  readonly message: string;
  readonly attempts?: number | undefined;
  readonly nextTryAtMs?: number | undefined;
  /** A command that shows more of it. */
  readonly next?: string | undefined;
}

export interface PodExplanation {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly steps: readonly ExplainedStep[];
  readonly blocker: Blocker | undefined;
  /** Where the answer comes from: the running agent, or the runtime and what the agent left behind. */
  readonly source: 'agent' | 'runtime';
  readonly atMs: number;
}
