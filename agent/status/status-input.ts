import type { Pod, ResourceRequirements } from '../api/objects.ts';
import type { ContainerVerdicts } from '../probe/container-probes.ts';
import type { ObservedPod, ObservedSandbox } from '../runtime/observed-pod.ts';

export interface StatusVerdict {
  readonly reason: string;
  readonly message: string;
  /** Message of the condition DisruptionTarget. */
  readonly disruption?: string;
  /** The pod was never let in. */
  readonly isRejection?: boolean;
}

/** How the last change of the pod's resources goes (KEP-1287). */
export interface ResizeReport {
  /** Why the pod does not have yet what its spec asks for. */
  readonly pending: { readonly reason: string; readonly message: string } | undefined;
  /** The pod was given something that its containers do not have yet. */
  readonly isInProgress: boolean;
  readonly error: string | undefined;
  /** `metadata.generation` of what it was given; undefined when an agent before this one gave it. */
  readonly generation: number | undefined;
}

export const NO_RESIZE: ResizeReport = {
  pending: undefined,
  isInProgress: false,
  error: undefined,
  generation: undefined,
};

/** Everything a PodStatus is built from. */
export interface StatusInput {
  /** The pod with the status the API server has, or the one last built if that is newer. */
  readonly pod: Pod;
  readonly observed: ObservedPod;
  /** The sandbox the pod lives in now; undefined when it has none that works. */
  readonly sandbox: ObservedSandbox | undefined;
  /** Why containers do not run, by name: start failures and back-off. */
  readonly waiting: ReadonlyMap<string, { readonly reason: string; readonly message: string }>;
  /** Texts for terminated instances that come from their termination message, by container ID. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  /** What the probes say, by container ID. */
  readonly verdicts: ReadonlyMap<string, ContainerVerdicts>;
  /** Why the node ended the pod on its own account; becomes reason and message of phase Failed. */
  readonly verdict: StatusVerdict | undefined;
  readonly resize: ResizeReport;
  /** What containers were made or updated with, by name. */
  readonly actuated: ReadonlyMap<string, ResourceRequirements>;
  readonly areVolumesReady: boolean;
  /** Every container is stopped for good: the phase has to be a terminal one. */
  readonly isTerminal: boolean;
  readonly nodeIPs: readonly string[];
  readonly runtime: RuntimeFacts;
  readonly nowMs: number;
}

export interface RuntimeFacts {
  /** `containerd` in `containerd://ID`. */
  readonly name: string;
  readonly supportsRecursiveReadOnly: boolean;
}
