// PodStatus from the pod's object and what the runtime shows. Pure; the writer sends what differs.

import type { Container, ContainerStatus, PodStatus } from '../api/objects.ts';
import { buildQosClass } from '../resources/pod-resources.ts';
import { buildConditions } from './conditions.ts';
import { buildContainerStatus, terminateStatus } from './container-status.ts';
import { buildPhase, type PodPhase } from './phase.ts';
import { buildPodResourcesStatus } from './pod-resources.ts';
import { restartSources } from './restart-sources.ts';
import { NO_RESIZE, type StatusInput, type StatusVerdict } from './status-input.ts';
import { formatTime } from './timestamp.ts';

export function buildPodStatus(input: StatusInput): PodStatus {
  const { pod, nowMs, verdict } = input;
  if (verdict?.isRejection) return buildRejectedStatus(input, verdict);
  const old = pod.status ?? {};
  const now = formatTime(nowMs);
  const seen = buildStatusLists(input);
  const seenPhase = buildStickyPhase(input, seen.initContainerStatuses, seen.containerStatuses);
  // All is stopped and no container tells a success: a pod deleted while it was starting. Its conditions say that.
  const phase = input.isTerminal && !isTerminalPhase(seenPhase) ? 'Failed' : seenPhase;
  const { initContainerStatuses, containerStatuses, ephemeralContainerStatuses } = input.isTerminal
    ? terminateLists(seen)
    : seen;
  const isHeldBack = isTerminalPhase(phase) && !input.isTerminal;
  return {
    // A terminal phase is told only when nothing can run any more (mergePodStatus).
    phase: isHeldBack ? (old.phase ?? 'Pending') : phase,
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    conditions: buildConditions({
      pod,
      phase: seenPhase,
      initContainerStatuses: seen.initContainerStatuses,
      containerStatuses: seen.containerStatuses,
      hasNetwork: isReadyToStart(input),
      resize: input.isTerminal ? NO_RESIZE : input.resize,
      isRestartingAll: isRestartingAll(input),
      // Told only with the terminal phase, when nothing can run any more (mergePodStatus).
      disruption: input.isTerminal ? input.verdict?.disruption : undefined,
      now,
    }),
    ...verdictReason(input, old, phase),
    ...hostAddresses(input),
    ...podAddresses(input),
    startTime: old.startTime ?? now,
    qosClass: old.qosClass ?? buildQosClass(pod.spec),
    ...buildPodResourcesStatus(pod.spec, phase),
    ...(initContainerStatuses.length > 0 ? { initContainerStatuses } : {}),
    containerStatuses,
    ...(ephemeralContainerStatuses.length > 0 ? { ephemeralContainerStatuses } : {}),
  };
}

/** Nothing was made for it: a word about containers would stand before the reason wherever pods are listed (rejectPod). */
function buildRejectedStatus({ pod, nowMs }: StatusInput, { reason, message }: StatusVerdict): PodStatus {
  const old = pod.status ?? {};
  return {
    phase: 'Failed',
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    reason,
    message,
    startTime: old.startTime ?? formatTime(nowMs),
    qosClass: old.qosClass ?? buildQosClass(pod.spec),
  };
}

// A container in the sandbox proves that the volumes were ready once, also to an agent that has just started.
function isReadyToStart({ observed, sandbox, areVolumesReady }: StatusInput): boolean {
  if (!sandbox) return false;
  return areVolumesReady || observed.containers.some(({ sandboxId }) => sandboxId === sandbox.id);
}

interface StatusLists {
  /** In spec order. */
  readonly initContainerStatuses: readonly ContainerStatus[];
  /** By name, like the next. */
  readonly containerStatuses: readonly ContainerStatus[];
  readonly ephemeralContainerStatuses: readonly ContainerStatus[];
}

function buildStatusLists(input: StatusInput): StatusLists {
  const { spec, status = {} } = input.pod;
  const regular = buildStatuses(input, spec.containers, status.containerStatuses);
  const init = buildStatuses(input, spec.initContainers, status.initContainerStatuses);
  const ephemeral = buildStatuses(input, spec.ephemeralContainers, status.ephemeralContainerStatuses);
  return {
    initContainerStatuses: init,
    containerStatuses: regular.toSorted(byName),
    ephemeralContainerStatuses: ephemeral.map(own => ({ ...own, ready: false })).toSorted(byName),
  };
}

// Nothing runs any more: whatever has no end yet is given one (status_manager.go TerminatePod).
function terminateLists(lists: StatusLists): StatusLists {
  const { initContainerStatuses: init, containerStatuses: regular } = lists;
  const hasInitialized = init.length === 0 || regular.some(({ containerID }) => containerID !== undefined);
  const lastStartedInit = init.findLastIndex(({ containerID }) => containerID !== undefined);
  return {
    initContainerStatuses: init.map((own, index) =>
      index <= Math.max(0, lastStartedInit) ? terminateStatus(own) : own,
    ),
    containerStatuses: hasInitialized ? regular.map(terminateStatus) : regular,
    ephemeralContainerStatuses: lists.ephemeralContainerStatuses.map(terminateStatus),
  };
}

function buildStatuses(
  input: StatusInput,
  containers: readonly Container[] | undefined,
  old: readonly ContainerStatus[] | undefined,
): ContainerStatus[] {
  return (containers ?? []).map(container => {
    const before = old?.find(({ name }) => name === container.name);
    return buildContainerStatus(input, container, before);
  });
}

function byName(a: ContainerStatus, b: ContainerStatus): number {
  return a.name < b.name ? -1 : 1;
}

function buildStickyPhase(
  input: StatusInput,
  initStatuses: readonly ContainerStatus[],
  statuses: readonly ContainerStatus[],
): PodPhase {
  const oldPhase = input.pod.status?.phase;
  if (oldPhase === 'Succeeded' || oldPhase === 'Failed') return oldPhase;
  if (input.verdict && input.isTerminal) return 'Failed';
  const { isTerminal, pod } = input;
  return buildPhase({
    spec: pod.spec,
    initStatuses,
    statuses,
    isTerminal,
    isRestartingAll: isRestartingAll(input),
  });
}

function isRestartingAll({ pod, observed }: StatusInput): boolean {
  return restartSources(pod.spec, observed).length > 0;
}

function isTerminalPhase(phase: PodPhase): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

function verdictReason(
  { verdict, isTerminal }: StatusInput,
  old: PodStatus,
  phase: PodPhase,
): Pick<PodStatus, 'reason' | 'message'> {
  if (!verdict || !isTerminal) return keptReason(old, phase);
  return { reason: verdict.reason, message: verdict.message };
}

// Reason and message set by others survive while the phase stays (pods.go conformance).
function keptReason(old: PodStatus, phase: PodPhase): Pick<PodStatus, 'reason' | 'message'> {
  if (old.phase !== phase) return {};
  return {
    ...(old.reason === undefined ? {} : { reason: old.reason }),
    ...(old.message === undefined ? {} : { message: old.message }),
  };
}

function hostAddresses({ nodeIPs, pod }: StatusInput): Pick<PodStatus, 'hostIP' | 'hostIPs'> {
  const [primary] = nodeIPs;
  if (primary === undefined) {
    const { hostIP, hostIPs } = pod.status ?? {};
    return { ...(hostIP ? { hostIP } : {}), ...(hostIPs ? { hostIPs } : {}) };
  }
  return { hostIP: primary, hostIPs: nodeIPs.map(ip => ({ ip })) };
}

function podAddresses({ sandbox, pod, nodeIPs }: StatusInput): Pick<PodStatus, 'podIP' | 'podIPs'> {
  const current = pod.spec.hostNetwork ? (sandbox ? nodeIPs : []) : (sandbox?.podIPs ?? []);
  const known = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  // The address stays in the status after the sandbox is gone, for whoever reads logs or history.
  const podIPs = current.length > 0 ? current : known;
  const [primary] = podIPs;
  return primary === undefined ? {} : { podIP: primary, podIPs: podIPs.map(ip => ({ ip })) };
}
