import type { Container, Pod } from '../api/objects.ts';
import { isCriticalPod } from './pod-class.ts';
import { buildQosClass } from './pod-resources.ts';
import { wholeValue } from './quantity.ts';

export interface SwappingNode {
  readonly memoryBytes: number;
  readonly swapBytes: number;
}

/**
 * How much a container may swap under LimitedSwap (KEP-2400): its share of the node's swap is its request's share of the
 * node's memory. None without a request or with one that is the limit, and none outside the Burstable class.
 */
export function buildSwapLimitBytes(pod: Pod, container: Container, node: SwappingNode): number {
  const { requests, limits } = container.resources ?? {};
  const requestBytes = wholeValue(requests?.['memory']);
  const isApart = requestBytes > 0 && requestBytes !== wholeValue(limits?.['memory']);
  if (!isApart || isCriticalPod(pod) || buildQosClass(pod.spec) !== 'Burstable') return 0;
  if (requestBytes > node.memoryBytes) return 0;
  return Math.floor((requestBytes / node.memoryBytes) * node.swapBytes);
}
