// Local storage limits of a pod (pkg/kubelet/eviction localStorageEviction): emptyDirs, then the pod, then its containers.
import type { Container, PodSpec, Quantity } from '../api/objects.ts';
import { formatQuantity } from '../lib/quantity.ts';
import { wholeValue } from './quantity.ts';

/** What a pod has on the node's disk, bytes. */
export interface LocalStorageUsage {
  /** By volume. */
  readonly emptyDirs: ReadonlyMap<string, number>;
  /** Logs and writable layer, by container. */
  readonly containers: ReadonlyMap<string, number>;
  /** All of it together, with what else is the pod's. */
  readonly podBytes: number;
}

const RESOURCE = 'ephemeral-storage';

/** Whether anything of the pod is limited: only then is it worth measuring. */
export function hasStorageLimits(spec: PodSpec): boolean {
  const isLimited = ({ resources }: Container): boolean => resources?.limits?.[RESOURCE] !== undefined;
  return [...spec.containers, ...(spec.initContainers ?? [])].some(isLimited) || sizeLimits(spec).length > 0;
}

/** Why the pod has to go, in the kubelet's words; undefined while it keeps its limits. */
export function findStorageExcess(spec: PodSpec, usage: LocalStorageUsage): string | undefined {
  for (const { name, sizeLimit } of sizeLimits(spec)) {
    if ((usage.emptyDirs.get(name) ?? 0) > wholeValue(sizeLimit)) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${sizeLimit}". `;
    }
  }
  const podLimit = buildPodLimit(spec);
  if (podLimit !== undefined && usage.podBytes > podLimit) {
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${formatQuantity(podLimit)}. `;
  }
  for (const { name, resources } of spec.containers) {
    const limit = resources?.limits?.[RESOURCE];
    if (wholeValue(limit) > 0 && (usage.containers.get(name) ?? 0) > wholeValue(limit)) {
      return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
    }
  }
  return undefined;
}

function sizeLimits({ volumes = [] }: PodSpec): { readonly name: string; readonly sizeLimit: Quantity }[] {
  return volumes.flatMap(({ name, emptyDir }) => {
    // The API server admits no emptyDir of another shape.
    const { sizeLimit } = (emptyDir ?? {}) as { readonly sizeLimit?: Quantity };
    return sizeLimit !== undefined && wholeValue(sizeLimit) > 0 ? [{ name, sizeLimit }] : [];
  });
}

// As the scheduler adds limits up: containers and sidecars together, or one init container with the sidecars before it.
function buildPodLimit({ containers, initContainers = [] }: PodSpec): number | undefined {
  const limitOf = ({ resources }: Container): number => wholeValue(resources?.limits?.[RESOURCE]);
  const isLimited = [...containers, ...initContainers].some(({ resources }) => resources?.limits?.[RESOURCE]);
  if (!isLimited) return undefined;
  let sidecars = 0;
  let largestInit = 0;
  for (const container of initContainers) {
    if (container.restartPolicy === 'Always') sidecars += limitOf(container);
    else largestInit = Math.max(largestInit, sidecars + limitOf(container));
  }
  const together = containers.reduce((total, container) => total + limitOf(container), sidecars);
  return Math.max(together, largestInit);
}
