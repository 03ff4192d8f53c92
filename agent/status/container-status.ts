// ContainerStatus of one container from its instances (kubelet_pods.go convertToAPIContainerStatuses).

import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  ResourceRequirements,
} from '../api/objects.ts';
import type { ContainerVerdicts } from '../probe/container-probes.ts';
import { isRestartedAfterExit } from '../resources/restart-policy.ts';
import type { ObservedContainer } from '../runtime/observed-pod.ts';
import { ALL_CONTAINERS_RESTARTING } from './conditions.ts';
import { RESTARTING_ALL_CONTAINERS } from './phase.ts';
import { restartSources } from './restart-sources.ts';
import type { RuntimeFacts, StatusInput } from './status-input.ts';
import { formatTime } from './timestamp.ts';

const UNKNOWN_EXIT_CODE = 137;
const STATUS_UNKNOWN = 'ContainerStatusUnknown';

export function buildContainerStatus(
  input: StatusInput,
  container: Container,
  old: ContainerStatus | undefined,
): ContainerStatus {
  const instances = input.observed.containers.filter(({ name }) => name === container.name);
  const [newest, previous] = instances;
  const { state, lastState } = newest
    ? statesOf(input, container, newest, previous, old)
    : stateWithoutInstance(input, container, old);
  const verdicts = newest && state.running ? (input.verdicts.get(newest.id) ?? {}) : {};
  const isStarted = state.running !== undefined && hasStarted(container, verdicts, newest, old, input);
  return {
    name: container.name,
    state,
    lastState,
    ready: isInit(input, container) ? hasCompleted(state) : isStarted && isReady(container, verdicts),
    started: isStarted,
    restartCount: Math.max(
      newest?.restartCount ?? 0,
      old?.restartCount ?? 0,
      lostRestarts(newest, state, old, input),
    ),
    image: newest?.image || (old?.image ?? container.image),
    imageID: newest?.imageRef || (old?.imageID ?? ''),
    ...containerIdOf(input, newest, old),
    ...(newest
      ? resourcesOf(container, state.running ? input.actuated.get(container.name) : undefined)
      : keptResources(old)),
    ...volumeMountsOf(container, input.runtime),
    ...userOf(newest, old),
  };
}

// Until the startup probe has spoken, what the API has for this very container still holds: a restart of the agent
// takes nobody's readiness.
function hasStarted(
  container: Container,
  { startup }: ContainerVerdicts,
  newest: ObservedContainer | undefined,
  old: ContainerStatus | undefined,
  input: StatusInput,
): boolean {
  if (!container.startupProbe) return true;
  if (startup === undefined || startup === 'unknown') {
    return old?.started === true && old.containerID === `${input.runtime.name}://${newest?.id}`;
  }
  return startup === 'success';
}

// An ordinary init container is ready when it is over and done; a sidecar is judged like a regular container.
function isInit({ pod }: StatusInput, container: Container): boolean {
  const isListed = pod.spec.initContainers?.some(({ name }) => name === container.name) ?? false;
  return isListed && container.restartPolicy !== 'Always';
}

function hasCompleted({ terminated }: ContainerState): boolean {
  return terminated?.exitCode === 0 && terminated.reason !== 'OOMKilled';
}

function isReady(container: Container, { readiness }: ContainerVerdicts): boolean {
  return !container.readinessProbe || readiness === 'success';
}

function containerIdOf(
  input: StatusInput,
  newest: ObservedContainer | undefined,
  old: ContainerStatus | undefined,
): { readonly containerID?: string } {
  const containerID = newest ? `${input.runtime.name}://${newest.id}` : old?.containerID;
  return containerID === undefined ? {} : { containerID };
}

// What a running container has may lag behind what it was given.
function resourcesOf(
  container: Container,
  actuated: ResourceRequirements | undefined,
): Pick<ContainerStatus, 'allocatedResources' | 'resources'> {
  const { requests: allocated } = container.resources ?? {};
  const { requests, limits } = actuated ?? container.resources ?? {};
  return {
    ...(allocated ? { allocatedResources: allocated } : {}),
    resources: { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) },
  };
}

// Without an instance only what an ended one has left behind.
function keptResources(
  old: ContainerStatus | undefined,
): Pick<ContainerStatus, 'allocatedResources' | 'resources'> {
  if (!old?.state.terminated) return {};
  const { allocatedResources, resources } = old;
  return { ...(allocatedResources ? { allocatedResources } : {}), ...(resources ? { resources } : {}) };
}

function volumeMountsOf(
  { volumeMounts = [] }: Container,
  { supportsRecursiveReadOnly }: RuntimeFacts,
): Pick<ContainerStatus, 'volumeMounts'> {
  const mounts = volumeMounts.map(({ name, mountPath, readOnly, recursiveReadOnly = 'Disabled' }) => {
    const isRecursive = recursiveReadOnly !== 'Disabled' && supportsRecursiveReadOnly;
    const mode = isRecursive ? 'Enabled' : 'Disabled';
    return { name, mountPath, ...(readOnly ? { readOnly, recursiveReadOnly: mode } : {}) };
  });
  return mounts.length > 0 ? { volumeMounts: mounts } : {};
}

function userOf(
  newest: ObservedContainer | undefined,
  old: ContainerStatus | undefined,
): Pick<ContainerStatus, 'user'> {
  if (!newest) return old?.state.terminated && old.user ? { user: old.user } : {};
  if (!newest.user) return {};
  const { uid, gid, supplementalGroups } = newest.user;
  return { user: { linux: { uid, gid, ...(supplementalGroups.length > 0 ? { supplementalGroups } : {}) } } };
}

function statesOf(
  input: StatusInput,
  container: Container,
  newest: ObservedContainer,
  previous: ObservedContainer | undefined,
  old: ContainerStatus | undefined,
): { readonly state: ContainerState; readonly lastState: ContainerState } {
  const state = stateOf(input, newest);
  const lastState = previous ? stateOf(input, previous) : (old?.lastState ?? {});
  const waiting = input.waiting.get(container.name);
  // A container that is to start again shows why it does not yet; its end moves to lastState.
  if (waiting && isToStart(input, container, state)) {
    return { state: { waiting }, lastState: state.terminated ? state : lastState };
  }
  return { state, lastState };
}

// What ended for good has its end to show, not a failure to start.
function isToStart(
  { pod }: StatusInput,
  container: Container,
  { running, terminated }: ContainerState,
): boolean {
  if (running || pod.metadata.deletionTimestamp !== undefined) return false;
  return !terminated || isRestartedAfterExit(pod.spec, container, terminated.exitCode);
}

function stateOf(input: StatusInput, instance: ObservedContainer): ContainerState {
  switch (instance.state) {
    case 'running':
      return { running: { startedAt: formatTime(instance.startedAtMs ?? instance.createdAtMs) } };
    case 'exited':
      return { terminated: terminatedState(input, instance) };
    case 'created':
    case 'startAborted':
    case 'unknown':
      return { waiting: {} };
  }
}

function terminatedState(input: StatusInput, instance: ObservedContainer): ContainerStateTerminated {
  const message = [instance.message, input.terminationMessages.get(instance.id) ?? '']
    .filter(text => text !== '')
    .join(': ');
  return {
    exitCode: instance.exitCode,
    reason: instance.reason,
    ...(message === '' ? {} : { message }),
    startedAt: formatTime(instance.startedAtMs ?? 0), // the epoch for one that never ran, as the runtime has it
    finishedAt: formatTime(instance.finishedAtMs ?? 0),
    containerID: `${input.runtime.name}://${instance.id}`,
  };
}

// The runtime knows no instance: never started, or lost (a wiped runtime, a removed container).
function stateWithoutInstance(
  input: StatusInput,
  container: Container,
  old: ContainerStatus | undefined,
): { readonly state: ContainerState; readonly lastState: ContainerState } {
  if (isRemovedForRestart(input, old)) return RESTARTING;
  if (old?.state.terminated) return { state: old.state, lastState: old.lastState };
  const isToRunAgain = old?.state.waiting?.reason === RESTARTING_ALL_CONTAINERS;
  if (isInit(input, container) && hasRegularInstance(input) && !isToRunAgain) {
    return { state: { terminated: INIT_COMPLETED }, lastState: old?.lastState ?? {} };
  }
  // An agent that has just started does not know yet why a container waits; what was said before still holds.
  const waiting = input.waiting.get(container.name) ??
    old?.state.waiting ?? { reason: defaultWaitingReason(input) };
  if (!old?.state.running) return { state: { waiting }, lastState: old?.lastState ?? {} };
  const lost: ContainerStateTerminated = {
    exitCode: UNKNOWN_EXIT_CODE,
    reason: STATUS_UNKNOWN,
    message: 'The container could not be located when the pod was deleted.  The container used to be Running',
    startedAt: null,
    finishedAt: null,
  };
  return { state: { waiting }, lastState: { terminated: lost } };
}

// All containers of the pod start over. Counted and told once: what waits already is not removed a second time.
function isRemovedForRestart({ pod, observed }: StatusInput, old: ContainerStatus | undefined): boolean {
  if (!old || old.state.waiting) return false;
  const condition = pod.status?.conditions?.find(({ type }) => type === ALL_CONTAINERS_RESTARTING);
  return condition?.status === 'True' || restartSources(pod.spec, observed).length > 0;
}

const REMOVED_FOR_RESTART = {
  reason: RESTARTING_ALL_CONTAINERS,
  message: 'The container is removed because RestartAllContainers in place',
};

const RESTARTING = {
  state: { waiting: REMOVED_FOR_RESTART },
  lastState: {
    terminated: {
      exitCode: UNKNOWN_EXIT_CODE,
      ...REMOVED_FOR_RESTART,
      startedAt: null,
      finishedAt: null,
    },
  },
};

// Its record was cleaned away after it had done its work.
const INIT_COMPLETED: ContainerStateTerminated = {
  exitCode: 0,
  reason: 'Completed',
  message:
    'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally',
  startedAt: null,
  finishedAt: null,
};

function hasRegularInstance({ pod, observed }: StatusInput): boolean {
  return pod.spec.containers.some(({ name }) => observed.containers.some(instance => instance.name === name));
}

function lostRestarts(
  newest: ObservedContainer | undefined,
  state: ContainerState,
  old: ContainerStatus | undefined,
  input: StatusInput,
): number {
  if (!newest && isRemovedForRestart(input, old)) return (old?.restartCount ?? 0) + 1;
  const isLost = !newest && state.waiting !== undefined && old?.state.running !== undefined;
  const isBeingDeleted = input.pod.metadata.deletionTimestamp !== undefined;
  return isLost && !isBeingDeleted ? (old.restartCount ?? 0) + 1 : 0;
}

function defaultWaitingReason(input: StatusInput): string {
  return (input.pod.spec.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating';
}

/** The end a container is given when its pod is over and nothing tells how it ended. */
export function terminateStatus(status: ContainerStatus): ContainerStatus {
  if (status.state.terminated) return status;
  const isBeforeAnyRun = status.containerID === undefined && !status.lastState.terminated;
  return {
    ...status,
    ready: false,
    started: false,
    state: {
      terminated: {
        exitCode: UNKNOWN_EXIT_CODE,
        reason: STATUS_UNKNOWN,
        message: 'The container could not be located when the pod was terminated',
        startedAt: null,
        finishedAt: null,
      },
    },
    lastState: isBeforeAnyRun ? {} : status.lastState,
  };
}
