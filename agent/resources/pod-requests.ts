// What a pod asks of the node, of every resource, and which of it a node can give: cpu in thousandths, all else whole.

import type { Container, PodSpec, Quantity } from '../api/objects.ts';
import { milliValue, wholeValue } from './quantity.ts';

export type ResourceList = ReadonlyMap<string, number>;

/** Requests with the init-container rule, the pod's own in place of the sum, overhead added. */
export function buildPodRequests(spec: PodSpec): ResourceList {
  const total = new Map(containersTotal(spec));
  for (const [name, amount] of requestsOf(spec)) if (amount > 0) total.set(name, amount);
  return add(total, parseResourceList(spec.overhead));
}

export function parseResourceList(quantities: Readonly<Record<string, Quantity>> | undefined): ResourceList {
  return new Map(
    Object.entries(quantities ?? {}).map(([name, quantity]) => [
      name,
      name === 'cpu' ? milliValue(quantity) : wholeValue(quantity),
    ]),
  );
}

/** A resource of a vendor, e.g. `example.com/widget` (core/v1 IsExtendedResourceName). */
export function isExtendedResource(name: string): boolean {
  const [domain = ''] = name.split('/');
  return name.includes('/') && domain !== 'kubernetes.io' && !domain.endsWith('.kubernetes.io');
}

// A limit without a request is the request as well: the API server sets it so, static pods rely on us.
function requestsOf({ resources }: Pick<Container, 'resources'>): ResourceList {
  return parseResourceList({ ...resources?.limits, ...resources?.requests });
}

function containersTotal(spec: PodSpec): ResourceList {
  let sidecars: ResourceList = new Map();
  let initPeak: ResourceList = new Map();
  for (const init of spec.initContainers ?? []) {
    const own = requestsOf(init);
    if (init.restartPolicy === 'Always') sidecars = add(sidecars, own);
    else initPeak = largest(initPeak, add(sidecars, own));
  }
  const steady = spec.containers.reduce((sum, container) => add(sum, requestsOf(container)), sidecars);
  return largest(steady, initPeak);
}

function add(a: ResourceList, b: ResourceList): ResourceList {
  const sum = new Map(a);
  for (const [name, amount] of b) sum.set(name, (sum.get(name) ?? 0) + amount);
  return sum;
}

function largest(a: ResourceList, b: ResourceList): ResourceList {
  const result = new Map(a);
  for (const [name, amount] of b) result.set(name, Math.max(result.get(name) ?? 0, amount));
  return result;
}
