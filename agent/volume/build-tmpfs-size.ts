import type { PodSpec, Quantity } from '../api/objects.ts';
import { buildPodResources } from '../resources/pod-resources.ts';
import { wholeValue } from '../resources/quantity.ts';
import type { Allocatable } from './build-downward-api.ts';

/** Limit of a tmpfs, bytes: the smallest of node allocatable, pod memory limit and sizeLimit; undefined without any. */
export function buildTmpfsSize(
  spec: PodSpec,
  allocatable: Allocatable,
  sizeLimit: Quantity | undefined,
): number | undefined {
  const { limits, isMemoryLimitedEverywhere } = buildPodResources(spec);
  const podLimitBytes = isMemoryLimitedEverywhere ? limits.memoryBytes : 0;
  const limitsBytes = [wholeValue(allocatable['memory']), podLimitBytes, wholeValue(sizeLimit)];
  const positive = limitsBytes.filter(limit => limit > 0);
  return positive.length > 0 ? Math.min(...positive) : undefined;
}
