// Sums over ResourceLists as the API writes them, all resources alike (component-helpers resource PodRequests, PodLimits).

import type { Container, PodSpec, Quantity } from '../api/objects.ts';
import { formatQuantity, parseQuantity } from '../lib/quantity.ts';

export type ResourceList = Readonly<Record<string, Quantity>>;

/** What the pod asks for as a whole: the larger of the steady sum and any init container's peak, and the overhead. */
export function sumPodRequests(spec: PodSpec): ResourceList {
  const own = { ...sumContainers(spec, c => c.resources?.requests), ...spec.resources?.requests };
  return addLists(own, spec.overhead ?? {});
}

/** Its limits; the overhead is added to what is limited at all. */
export function sumPodLimits(spec: PodSpec): ResourceList {
  const own = { ...sumContainers(spec, c => c.resources?.limits), ...spec.resources?.limits };
  const overhead = Object.entries(spec.overhead ?? {}).filter(([name]) => own[name] !== undefined);
  return addLists(own, Object.fromEntries(overhead));
}

function sumContainers(
  spec: PodSpec,
  listOf: (container: Container) => ResourceList | undefined,
): ResourceList {
  let sidecars: ResourceList = {};
  let initPeak: ResourceList = {};
  for (const init of spec.initContainers ?? []) {
    const own = listOf(init) ?? {};
    if (init.restartPolicy === 'Always') sidecars = addLists(sidecars, own);
    else initPeak = combine(initPeak, addLists(sidecars, own), Math.max);
  }
  const steady = spec.containers.reduce((sum, c) => addLists(sum, listOf(c) ?? {}), sidecars);
  return combine(steady, initPeak, Math.max);
}

function addLists(a: ResourceList, b: ResourceList): ResourceList {
  return combine(a, b, (x, y) => x + y);
}

function combine(a: ResourceList, b: ResourceList, of: (x: number, y: number) => number): ResourceList {
  const result: Record<string, Quantity> = { ...a };
  for (const [name, quantity] of Object.entries(b)) {
    const before = result[name];
    if (before === undefined) result[name] = quantity;
    else result[name] = formatLike(before, of(parseQuantity(before) ?? 0, parseQuantity(quantity) ?? 0));
  }
  return result;
}

// A sum is written in the form of its first part, as Quantity.Add does.
function formatLike(quantity: Quantity, amount: number): Quantity {
  return quantity.endsWith('i') ? formatQuantity(amount) : formatDecimal(amount);
}

/** Canonical form with decimal suffixes: 0.05 is `50m`, 1500 is `1500`, 2000 is `2k`. */
export function formatDecimal(amount: number): Quantity {
  const milli = Math.round(amount * 1000);
  if (milli % 1000 !== 0) return `${milli}m`;
  let whole = milli / 1000;
  let suffix = '';
  for (const next of ['k', 'M', 'G', 'T', 'P', 'E']) {
    if (whole === 0 || whole % 1000 !== 0) break;
    whole /= 1000;
    suffix = next;
  }
  return `${whole}${suffix}`;
}
