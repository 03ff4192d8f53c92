import type { Container, PodSpec, ResourceRequirements } from '../api/objects.ts';
import { milliValue, wholeValue } from './quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** Zero means "not set", as everywhere in Kubernetes resources. */
export interface ResourceAmounts {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

export interface PodResources {
  readonly requests: ResourceAmounts;
  readonly limits: ResourceAmounts;
  readonly isCpuLimitedEverywhere: boolean;
  readonly isMemoryLimitedEverywhere: boolean;
}

const NONE: ResourceAmounts = { cpuMilli: 0, memoryBytes: 0 };

export function containerRequests(resources: ResourceRequirements | undefined): ResourceAmounts {
  // A limit without a request is the request as well (the API server defaults it; static pods rely on us).
  return {
    cpuMilli: milliValue(resources?.requests?.['cpu'] ?? resources?.limits?.['cpu']),
    memoryBytes: wholeValue(resources?.requests?.['memory'] ?? resources?.limits?.['memory']),
  };
}

export function containerLimits(resources: ResourceRequirements | undefined): ResourceAmounts {
  return {
    cpuMilli: milliValue(resources?.limits?.['cpu']),
    memoryBytes: wholeValue(resources?.limits?.['memory']),
  };
}

/**
 * Pod totals with the init-container rule (component-helpers resource): the larger of the steady sum and any init peak.
 * What the pod asks for as a whole takes the place of the sum (KEP-2837).
 */
export function buildPodResources(spec: PodSpec): PodResources {
  const everyContainer = [...spec.containers, ...(spec.initContainers ?? [])];
  const ofPod = containerLimits(spec.resources);
  const isLimitedBy = (key: keyof ResourceAmounts): boolean =>
    ofPod[key] > 0 || everyContainer.every(c => containerLimits(c.resources)[key] > 0);
  const requests = podTotal(spec, c => containerRequests(c.resources));
  const limits = podTotal(spec, c => containerLimits(c.resources));
  return {
    requests: addAmounts(insteadOf(requests, containerRequests(spec.resources)), overheadOf(spec)),
    limits: withOverhead(insteadOf(limits, ofPod), overheadOf(spec)),
    isCpuLimitedEverywhere: isLimitedBy('cpuMilli'),
    isMemoryLimitedEverywhere: isLimitedBy('memoryBytes'),
  };
}

function insteadOf(sum: ResourceAmounts, ofPod: ResourceAmounts): ResourceAmounts {
  return {
    cpuMilli: ofPod.cpuMilli > 0 ? ofPod.cpuMilli : sum.cpuMilli,
    memoryBytes: ofPod.memoryBytes > 0 ? ofPod.memoryBytes : sum.memoryBytes,
  };
}

function podTotal(spec: PodSpec, amountsOf: (container: Container) => ResourceAmounts): ResourceAmounts {
  let sidecars = NONE;
  let initPeak = NONE;
  for (const init of spec.initContainers ?? []) {
    const own = amountsOf(init);
    if (init.restartPolicy === 'Always') sidecars = addAmounts(sidecars, own);
    else initPeak = maxAmounts(initPeak, addAmounts(sidecars, own));
  }
  const steady = spec.containers.reduce((sum, c) => addAmounts(sum, amountsOf(c)), sidecars);
  return maxAmounts(steady, initPeak);
}

function overheadOf(spec: PodSpec): ResourceAmounts {
  return {
    cpuMilli: milliValue(spec.overhead?.['cpu']),
    memoryBytes: wholeValue(spec.overhead?.['memory']),
  };
}

function withOverhead(limits: ResourceAmounts, overhead: ResourceAmounts): ResourceAmounts {
  return {
    cpuMilli: limits.cpuMilli > 0 ? limits.cpuMilli + overhead.cpuMilli : 0,
    memoryBytes: limits.memoryBytes > 0 ? limits.memoryBytes + overhead.memoryBytes : 0,
  };
}

function addAmounts(a: ResourceAmounts, b: ResourceAmounts): ResourceAmounts {
  return { cpuMilli: a.cpuMilli + b.cpuMilli, memoryBytes: a.memoryBytes + b.memoryBytes };
}

function maxAmounts(a: ResourceAmounts, b: ResourceAmounts): ResourceAmounts {
  return {
    cpuMilli: Math.max(a.cpuMilli, b.cpuMilli),
    memoryBytes: Math.max(a.memoryBytes, b.memoryBytes),
  };
}

/** QoS class by cpu and memory of regular and init containers, or of the pod as a whole (core/v1 helper/qos). */
export function buildQosClass(spec: PodSpec): QosClass {
  const isForPod = spec.resources?.requests !== undefined || spec.resources?.limits !== undefined;
  const judged = isForPod ? [spec] : [...spec.containers, ...(spec.initContainers ?? [])];
  let hasAny = false;
  let isGuaranteed = true;
  for (const { resources } of judged) {
    const requests = containerRequests(resources);
    const limits = containerLimits(resources);
    if (requests.cpuMilli > 0 || requests.memoryBytes > 0) hasAny = true;
    const isFullyLimited = limits.cpuMilli > 0 && limits.memoryBytes > 0;
    const isEqual = requests.cpuMilli === limits.cpuMilli && requests.memoryBytes === limits.memoryBytes;
    if (!isFullyLimited || !isEqual) isGuaranteed = false;
  }
  if (!hasAny) return 'BestEffort';
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
