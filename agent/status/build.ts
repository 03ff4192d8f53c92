// PodStatus from the pod's object and what the runtime shows. Pure; the writer sends what differs.

import type { ContainerStatus, PodStatus } from '../api/objects.ts';
import { buildQosClass } from '../resources/pod-resources.ts';
import { buildConditions } from './conditions.ts';
import { buildContainerStatus, terminateStatus } from './container-status.ts';
import { buildPhase, type PodPhase } from './phase.ts';
import type { StatusInput } from './status-input.ts';
import { formatTime } from './timestamp.ts';

export function buildPodStatus(input: StatusInput): PodStatus {
  const { pod, nowMs } = input;
  const old = pod.status ?? {};
  const now = formatTime(nowMs);
  const containerStatuses = buildContainerStatuses(input);
  const phase = buildStickyPhase(input, containerStatuses);
  const isHeldBack = isTerminalPhase(phase) && !input.isTerminal;
  return {
    // A terminal phase is told only when nothing can run any more (mergePodStatus).
    phase: isHeldBack ? (old.phase ?? 'Pending') : phase,
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    conditions: buildConditions({
      pod,
      phase,
      containerStatuses,
      hasNetwork: isReadyToStart(input),
      now,
    }),
    ...keptReason(old, phase),
    ...hostAddresses(input),
    ...podAddresses(input),
    startTime: old.startTime ?? now,
    qosClass: old.qosClass ?? buildQosClass(pod.spec),
    ...(old.initContainerStatuses ? { initContainerStatuses: old.initContainerStatuses } : {}),
    containerStatuses,
  };
}

// A container in the sandbox proves that the volumes were ready once, also to an agent that has just started.
function isReadyToStart({ observed, sandbox, areVolumesReady }: StatusInput): boolean {
  if (!sandbox) return false;
  return areVolumesReady || observed.containers.some(({ sandboxId }) => sandboxId === sandbox.id);
}

function buildContainerStatuses(input: StatusInput): readonly ContainerStatus[] {
  const old = new Map((input.pod.status?.containerStatuses ?? []).map(status => [status.name, status]));
  return input.pod.spec.containers
    .map(container => buildContainerStatus(input, container, old.get(container.name)))
    .map(status => (input.isTerminal ? terminateStatus(status) : status))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function buildStickyPhase(input: StatusInput, statuses: readonly ContainerStatus[]): PodPhase {
  const oldPhase = input.pod.status?.phase;
  if (oldPhase === 'Succeeded' || oldPhase === 'Failed') return oldPhase;
  return buildPhase(input.pod.spec, statuses, input.isTerminal);
}

function isTerminalPhase(phase: PodPhase): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
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
