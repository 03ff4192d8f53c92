// Brings the cgroup and the running containers of a pod to what it was given: memory, then cpu; room is made before it
// is used and taken away after (kuberuntime_manager.go doPodResizeAction).

import type { Container, Pod, ResourceRequirements } from '../api/objects.ts';
import type { CgroupLimits } from '../host/cgroup-limits.ts';
import { errorMessage, InvalidError } from '../lib/errors.ts';
import { allocationOf, withAllocation } from '../resources/allocation.ts';
import { containersWithResources } from '../resources/containers.ts';
import { buildContainerCpuAndMemory } from '../resources/linux-resources.ts';
import { containerRequests } from '../resources/pod-resources.ts';
import { type ObservedPod, readySandbox } from '../runtime/observed-pod.ts';
import { buildPodLimits } from './build-pod-limits.ts';
import { buildContainerResources } from './container-resources.ts';
import type { ActionSignals, ActionTarget, PodEffects } from './effects.ts';
import type { ActionOutcome } from './outcome.ts';
import type { PodContext } from './pod-context.ts';

interface Resize {
  /** With the resources it has, with those it gets, and with the memory of the one and the cpu of the other. */
  readonly before: Pod;
  readonly after: Pod;
  readonly halfway: Pod;
  readonly limitsBefore: CgroupLimits;
  readonly limitsAfter: CgroupLimits;
  readonly observed: ObservedPod;
  readonly context: PodContext;
}

export async function resizePod(
  { pod, memory, observed }: ActionTarget & { readonly pod: Pod },
  effects: PodEffects,
  { shutdown: signal }: ActionSignals,
): Promise<ActionOutcome> {
  const before = withAllocation(pod, memory.actuated);
  const resize: Resize = {
    before,
    after: pod,
    halfway: withMemoryOf(before, pod),
    limitsBefore: memory.cgroupLimits ?? buildPodLimits(before),
    limitsAfter: buildPodLimits(pod),
    observed,
    context: await effects.contexts.read(pod),
  };
  const refusal = await findMemoryRefusal(resize, effects, signal);
  if (refusal !== undefined) return { kind: 'failed', step: 'resize', message: refusal };
  try {
    await resizeMemory(resize, effects, signal);
    await resizeCpu(resize, effects, signal);
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'failed', step: 'resize', message: errorMessage(error) };
  }
  return { kind: 'resized', actuated: allocationOf(pod), cgroupLimits: resize.limitsAfter };
}

async function resizeMemory(resize: Resize, effects: PodEffects, signal: AbortSignal): Promise<void> {
  const from = resize.limitsBefore.memoryLimitBytes;
  const to = resize.limitsAfter.memoryLimitBytes;
  const setPod = (): Promise<void> =>
    to === undefined ? Promise.resolve() : setPodCgroup(resize, { memoryLimitBytes: to }, effects, signal);
  const isGrowing = isMore(to, from);
  if (isGrowing) await setPod();
  await updateContainers(resize, resize.before, resize.halfway, effects, signal);
  if (!isGrowing && to !== from) await setPod();
}

async function resizeCpu(resize: Resize, effects: PodEffects, signal: AbortSignal): Promise<void> {
  const { cpuShares: sharesFrom = 0, cpuQuotaUs: quotaFrom } = resize.limitsBefore;
  const { cpuShares: sharesTo = 0, cpuQuotaUs: quotaTo, cpuPeriodUs } = resize.limitsAfter;
  const setQuota = (): Promise<void> =>
    quotaTo === undefined || !resize.context.isCpuLimited
      ? Promise.resolve()
      : setPodCgroup(
          resize,
          { cpuQuotaUs: quotaTo, ...(cpuPeriodUs === undefined ? {} : { cpuPeriodUs }) },
          effects,
          signal,
        );
  const setShares = (): Promise<void> => setPodCgroup(resize, { cpuShares: sharesTo }, effects, signal);
  const isQuotaGrowing = isMore(quotaTo, quotaFrom);
  if (isQuotaGrowing) await setQuota();
  if (sharesTo > sharesFrom) await setShares();
  await updateContainers(resize, resize.halfway, resize.after, effects, signal);
  if (sharesTo < sharesFrom) await setShares();
  if (!isQuotaGrowing && quotaTo !== quotaFrom) await setQuota();
}

type Limit = number | 'max' | undefined;

function isMore(to: Limit, from: Limit): boolean {
  if (typeof to !== 'number') return to === 'max';
  return typeof from === 'number' && to > from;
}

// The runtime is asked first, and may refuse.
async function setPodCgroup(
  { after, observed, context }: Resize,
  limits: CgroupLimits,
  { runtime, cgroups }: PodEffects,
  signal: AbortSignal,
): Promise<void> {
  const podSandboxId = readySandbox(observed)?.id;
  if (podSandboxId !== undefined) {
    const { memoryLimitBytes, cpuQuotaUs, cpuShares, cpuPeriodUs } = { ...buildPodLimits(after), ...limits };
    const resources = {
      cpuShares,
      cpuPeriod: cpuPeriodUs,
      cpuQuota: cpuQuotaUs === 'max' ? -1 : cpuQuotaUs,
      memoryLimitInBytes: memoryLimitBytes === 'max' ? 0 : memoryLimitBytes,
    };
    try {
      await runtime.updatePodSandboxResources({ podSandboxId, resources }, { signal });
    } catch (error) {
      if (!isNotImplemented(error)) throw error;
    }
  }
  await cgroups.ensure(context.cgroupParent, limits, { signal });
}

// containerd before 2.1 does not know the call and needs it not.
function isNotImplemented(error: unknown): boolean {
  return (
    (error instanceof InvalidError && error.code === 'Unimplemented') ||
    /not implemented/i.test(errorMessage(error))
  );
}

async function updateContainers(
  { observed, context }: Resize,
  from: Pod,
  to: Pod,
  { runtime }: PodEffects,
  signal: AbortSignal,
): Promise<void> {
  const changes = containersWithResources(to.spec).flatMap(container => {
    const earlier = containersWithResources(from.spec).find(({ name }) => name === container.name);
    const instance = observed.containers.find(({ name }) => name === container.name);
    if (!earlier || instance?.state !== 'running') return [];
    const [was, is] = [
      buildContainerCpuAndMemory(earlier, from.spec),
      buildContainerCpuAndMemory(container, to.spec),
    ];
    const growth =
      is.memoryLimitBytes - was.memoryLimitBytes ||
      is.cpuQuotaUs - was.cpuQuotaUs ||
      is.cpuShares - was.cpuShares;
    // By its request it is slowed down (MemoryQoS), also while its limit stays.
    const isThrottledElsewhere =
      context.memoryThrottlingFactor !== undefined && requestOf(earlier) !== requestOf(container);
    return growth === 0 && !isThrottledElsewhere ? [] : [{ id: instance.id, container, growth }];
  });
  // What gets less goes first: the pod's limit holds for the sum.
  for (const { id, container } of changes.toSorted((a, b) => Math.sign(a.growth) - Math.sign(b.growth))) {
    await runtime.updateContainerResources(id, buildContainerResources(to, container, context), { signal });
  }
}

function requestOf({ resources }: Container): number {
  return containerRequests(resources).memoryBytes;
}

// With the memory of the one and the cpu of the other.
function withMemoryOf(before: Pod, after: Pod): Pod {
  const next = (name: string): ResourceRequirements | undefined =>
    containersWithResources(after.spec).find(container => container.name === name)?.resources;
  const mixed = (own: Container): Container => ({
    ...own,
    resources: mixResources(own.resources, next(own.name)),
  });
  const { spec } = before;
  return {
    ...before,
    spec: {
      ...spec,
      ...(spec.resources ? { resources: mixResources(spec.resources, after.spec.resources) } : {}),
      containers: spec.containers.map(mixed),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(mixed) } : {}),
    },
  };
}

function mixResources(
  own: ResourceRequirements | undefined,
  next: ResourceRequirements | undefined,
): ResourceRequirements {
  const pick = (list: 'requests' | 'limits'): Readonly<Record<string, string>> => {
    const memory = next?.[list]?.['memory'];
    return { ...own?.[list], ...(memory === undefined ? {} : { memory }) };
  };
  return { requests: pick('requests'), limits: pick('limits') };
}

// The kernel would kill what does not fit under a smaller limit, so nothing is begun that cannot end well.
async function findMemoryRefusal(
  { before, after, observed, limitsBefore, limitsAfter }: Resize,
  { runtime }: PodEffects,
  signal: AbortSignal,
): Promise<string | undefined> {
  const podLimit = limitsAfter.memoryLimitBytes;
  const isPodShrinking = typeof podLimit === 'number' && !isMore(podLimit, limitsBefore.memoryLimitBytes);
  const problems: string[] = [];
  let podUsage = 0;
  for (const container of containersWithResources(after.spec)) {
    const instance = observed.containers.find(({ name }) => name === container.name);
    if (instance?.state !== 'running') continue;
    const earlier =
      containersWithResources(before.spec).find(({ name }) => name === container.name) ?? container;
    const from = buildContainerCpuAndMemory(earlier, before.spec).memoryLimitBytes;
    const to = buildContainerCpuAndMemory(container, after.spec).memoryLimitBytes;
    const isShrinking = to > 0 && (from === 0 || to < from);
    if (!isShrinking && !(isPodShrinking && podLimit !== limitsBefore.memoryLimitBytes)) continue;
    const stats = await runtime.containerStats(instance.id, { signal });
    const usage = Number(stats.memory?.usageBytes?.value ?? 0);
    podUsage += usage;
    if (isShrinking && usage >= to) {
      problems.push(
        `attempting to set container "${container.name}" memory limit (${to}) below current usage (${usage})`,
      );
    }
  }
  if (isPodShrinking && typeof podLimit === 'number' && podUsage >= podLimit) {
    problems.unshift(`attempting to set pod memory limit (${podLimit}) below current usage (${podUsage})`);
  }
  if (problems.length === 0) return undefined;
  const list = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
  return `cannot decrease memory limits: ${list}`;
}
