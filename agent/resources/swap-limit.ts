import type { Container, Pod } from '../api/objects.ts';
import { containersWithResources } from './containers.ts';
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
  const requestBytes = memoryRequestOf(container);
  if (!maySwap(pod, container) || requestBytes > node.memoryBytes) return 0;
  return Math.floor((requestBytes / node.memoryBytes) * node.swapBytes);
}

/**
 * Why containers cannot get this much memory in place where containers may swap: the share of the swap would change with
 * it (KEP-1287). One that restarts for it can.
 */
export function findSwapRefusal(asked: Pod, given: Pod): string | undefined {
  const before = new Map(containersWithResources(given.spec).map(container => [container.name, container]));
  const isRefused = containersWithResources(asked.spec).some(container => {
    const earlier = before.get(container.name) ?? container;
    const isChanged = memoryRequestOf(earlier) !== memoryRequestOf(container);
    const swaps = maySwap(asked, container) || maySwap(given, earlier);
    return isChanged && swaps && !restartsForMemory(container);
  });
  return isRefused ? 'In-place resize of containers with swap is not supported.' : undefined;
}

function maySwap(pod: Pod, container: Container): boolean {
  const requestBytes = memoryRequestOf(container);
  const isApart = requestBytes > 0 && requestBytes !== wholeValue(container.resources?.limits?.['memory']);
  return isApart && !isCriticalPod(pod) && buildQosClass(pod.spec) === 'Burstable';
}

function memoryRequestOf({ resources }: Container): number {
  return wholeValue(resources?.requests?.['memory']);
}

function restartsForMemory({ resizePolicy = [] }: Container): boolean {
  return resizePolicy.some(
    ({ resourceName, restartPolicy }) => resourceName === 'memory' && restartPolicy === 'RestartContainer',
  );
}
