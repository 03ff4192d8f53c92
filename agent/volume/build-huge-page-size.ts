import type { PodSpec } from '../api/objects.ts';
import { allContainers } from '../resources/containers.ts';
import { wholeValue } from '../resources/quantity.ts';

export type HugePageSize =
  | { readonly kind: 'size'; readonly pageBytes: number }
  | { readonly kind: 'failed'; readonly problem: string };

const RESOURCE_PREFIX = 'hugepages-';
const SIZED_MEDIUM = /^HugePages-(.+)$/;

/** Page size of an emptyDir of medium `HugePages` or `HugePages-<size>`: one that the pod's containers request. */
export function buildHugePageSize(spec: PodSpec, medium: string): HugePageSize {
  const requested = new Set(
    allContainers(spec)
      .flatMap(({ resources }) => Object.keys({ ...resources?.limits, ...resources?.requests }))
      .filter(resource => resource.startsWith(RESOURCE_PREFIX))
      .map(resource => wholeValue(resource.slice(RESOURCE_PREFIX.length))),
  );
  const [, wanted] = SIZED_MEDIUM.exec(medium) ?? [];
  const sizes =
    wanted === undefined ? [...requested] : [...requested].filter(size => size === wholeValue(wanted));
  const [pageBytes] = sizes;
  if (pageBytes === undefined) {
    const problem = `medium ${medium}: hugePages storage requested, but there is no resource request for huge pages`;
    return { kind: 'failed', problem };
  }
  if (sizes.length === 1) return { kind: 'size', pageBytes };
  return {
    kind: 'failed',
    problem: `medium: ${medium} can't be used if container requests multiple huge page sizes`,
  };
}
