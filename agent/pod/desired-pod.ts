import type { Pod } from '../api/objects.ts';

/** Where a pod was asked for; the kubelet's own words. */
export type PodSource = 'api' | 'file' | 'http';

export interface DesiredPod {
  /** With the resources the pod was given, which may differ from those its spec asks for now. */
  readonly pod: Pod;
  readonly source: PodSource;
  readonly resize?: ResizeDecision;
}

/** What became of the last change of a pod's resources (KEP-1287). */
export interface ResizeDecision {
  /** Why the pod does not have yet what its spec asks for. */
  readonly pending?: ResizePending;
  /** `metadata.generation` of what it was given last. */
  readonly generation?: number;
}

export interface ResizePending {
  readonly reason: 'Deferred' | 'Infeasible';
  readonly message: string;
}

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}
