// CRI lists and statuses -> ObservedPod. Pure.

import type {
  Container,
  ContainerState,
  ContainerStatus,
  ContainerUser,
  PodSandbox,
  PodSandboxStatus,
} from '../../cri-proto/runtime.v1.ts';
import { nanosecondsToMs } from '../lib/nanoseconds.ts';
import type {
  ObservedContainer,
  ObservedContainerState,
  ObservedPod,
  ObservedSandbox,
  ObservedUser,
} from './observed-pod.ts';

const HASH = 'io.kubernetes.container.hash';
const RESTART_COUNT = 'io.kubernetes.container.restartCount';
const TERMINATION_GRACE = 'io.kubernetes.pod.terminationGracePeriod';
const MESSAGE_PATH = 'io.kubernetes.container.terminationMessagePath';
const CONFIG_SOURCE = 'kubernetes.io/config.source';
const CONFIG_SEEN = 'kubernetes.io/config.seen';
const MESSAGE_POLICY = 'io.kubernetes.container.terminationMessagePolicy';

export function buildObservedPod(
  podUID: string,
  sandboxes: readonly { readonly item: PodSandbox; readonly status: PodSandboxStatus | undefined }[],
  containers: readonly { readonly item: Container; readonly status: ContainerStatus | undefined }[],
): ObservedPod | undefined {
  const labels = sandboxes[0]?.item.labels ?? containers[0]?.item.labels;
  if (!labels) return undefined;
  const isStatic = sandboxes.some(({ item }) => isStaticSource(item.annotations[CONFIG_SOURCE]));
  return {
    podUID,
    name: labels['io.kubernetes.pod.name'] ?? '',
    namespace: labels['io.kubernetes.pod.namespace'] ?? '',
    isStatic,
    ...(isStatic
      ? { configSeenAtMs: latestTime(sandboxes.map(({ item }) => item.annotations[CONFIG_SEEN])) }
      : {}),
    sandboxes: sandboxes
      .map(({ item, status }) => buildSandbox(item, status))
      .toSorted((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs),
    containers: containers
      .map(({ item, status }) => buildContainer(item, status))
      .toSorted((a, b) => b.createdAtMs - a.createdAtMs || b.attempt - a.attempt),
  };
}

function isStaticSource(source: string | undefined): boolean {
  return source !== undefined && source !== 'api';
}

function latestTime(times: readonly (string | undefined)[]): number | undefined {
  const known = times.map(time => Date.parse(time ?? '')).filter(timeMs => !Number.isNaN(timeMs));
  return known.length === 0 ? undefined : Math.max(...known);
}

function buildSandbox(item: PodSandbox, status: PodSandboxStatus | undefined): ObservedSandbox {
  const { ip = '', additionalIps = [] } = status?.network ?? {};
  return {
    id: item.id,
    attempt: item.metadata?.attempt ?? 0,
    // Lists and statuses are two moments: the status is the later one.
    isReady: (status?.state ?? item.state) === 'SANDBOX_READY',
    createdAtMs: nanosecondsToMs(item.createdAt),
    podIPs: [ip, ...additionalIps.map(additional => additional.ip)].filter(address => address !== ''),
    isHostNetwork: status?.linux?.namespaces?.options?.network === 'NODE',
    runtimeHandler: item.runtimeHandler,
  };
}

function buildContainer(item: Container, status: ContainerStatus | undefined): ObservedContainer {
  const { annotations } = item;
  return {
    id: item.id,
    sandboxId: item.podSandboxId,
    name: item.metadata?.name ?? '',
    attempt: item.metadata?.attempt ?? 0,
    state: isStartAborted(status) ? 'startAborted' : containerState(status?.state ?? item.state),
    createdAtMs: nanosecondsToMs(item.createdAt),
    startedAtMs: timeOrNone(status?.startedAt),
    finishedAtMs: timeOrNone(status?.finishedAt),
    exitCode: status?.exitCode ?? 0,
    reason: status?.reason ?? '',
    message: status?.message ?? '',
    hash: annotations[HASH] ?? '',
    restartCount: Number(annotations[RESTART_COUNT] ?? item.metadata?.attempt ?? 0),
    image: status?.image?.image ?? item.image?.image ?? '',
    imageRef: status?.imageRef ?? item.imageRef,
    logPath: status?.logPath ?? '',
    terminationGracePeriodSeconds: numberOrNone(annotations[TERMINATION_GRACE]),
    terminationMessagePolicy: annotations[MESSAGE_POLICY] ?? '',
    user: buildUser(status?.user),
    terminationMessageHostPath: messageHostPath(annotations[MESSAGE_PATH], status),
  };
}

function buildUser(user: ContainerUser | null | undefined): ObservedUser | undefined {
  if (!user?.linux) return undefined;
  const { uid, gid, supplementalGroups } = user.linux;
  return { uid: Number(uid), gid: Number(gid), supplementalGroups: supplementalGroups.map(Number) };
}

// The runtime's own record of the mounts tells where the message lies on the host, also after a restart of ours.
function messageHostPath(
  containerPath: string | undefined,
  status: ContainerStatus | undefined,
): string | undefined {
  if (!containerPath) return undefined;
  return status?.mounts.find(mount => mount.containerPath === containerPath)?.hostPath;
}

// containerd writes down a start that its caller's end has cancelled as if the container had run and failed. It has not,
// so it is no restart, and for a pod that runs once it is not its end.
function isStartAborted(status: ContainerStatus | undefined): boolean {
  return (
    status?.state === 'CONTAINER_EXITED' &&
    status.reason === 'StartError' &&
    /\bcontext canceled\b|\bsignal: killed\b|\bttrpc: closed\b/.test(status.message)
  );
}

function containerState(state: ContainerState): ObservedContainerState {
  switch (state) {
    case 'CONTAINER_CREATED':
      return 'created';
    case 'CONTAINER_RUNNING':
      return 'running';
    case 'CONTAINER_EXITED':
      return 'exited';
    case 'CONTAINER_UNKNOWN':
      return 'unknown';
  }
}

function timeOrNone(nanoseconds: string | undefined): number | undefined {
  const timeMs = nanoseconds === undefined ? 0 : nanosecondsToMs(nanoseconds);
  return timeMs > 0 ? timeMs : undefined;
}

function numberOrNone(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : Number(text);
}
