import type { Taint, Toleration } from '../api/objects.ts';

/** The first taint that keeps a pod from running here. The kubelet looks at NoExecute alone: the rest is the scheduler's. */
export function findUntoleratedTaint(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
): Taint | undefined {
  return taints.find(
    taint => taint.effect === 'NoExecute' && !tolerations.some(toleration => tolerates(toleration, taint)),
  );
}

function tolerates({ key = '', operator, value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return key !== '' && value === (taint.value ?? '');
}
