import type { Pod } from '../api/objects.ts';

/** Where a pod was asked for; the kubelet's own words. */
export type PodSource = 'api' | 'file' | 'http';

export interface DesiredPod {
  readonly pod: Pod;
  readonly source: PodSource;
}

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}
