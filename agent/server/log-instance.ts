// Which run of a container is meant, or why there is nothing to read (pkg/kubelet: validateContainerLogStatus).

import type { ContainerStatus, PodStatus } from '../api/objects.ts';

export type LogInstance =
  /** As in the status: `containerd://<id>`. */
  { readonly kind: 'found'; readonly containerID: string } | { readonly kind: 'none'; readonly text: string };

const WAITING_TEXTS: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
};

export function findLogInstance(
  status: PodStatus,
  {
    pod,
    container,
    previous,
  }: { readonly pod: string; readonly container: string; readonly previous: boolean },
): LogInstance {
  const where = `container "${container}" in pod "${pod}"`;
  const known = statusOf(status, container);
  if (!known) return none(`${where} is not available`);
  const lastID = known.lastState.terminated?.containerID ?? '';
  if (previous) return lastID ? found(lastID) : none(`previous terminated ${where} not found`);
  const { running, terminated, waiting } = known.state;
  if (running) return found(known.containerID ?? '');
  if (terminated) {
    const id = terminated.containerID || lastID;
    return id ? found(id) : none(`${where} is terminated`);
  }
  if (lastID) return found(lastID);
  if (!waiting) return none(`${where} is waiting to start - no logs yet`);
  const reason = waiting.reason ?? '';
  return none(`${where} is waiting to start: ${WAITING_TEXTS[reason] ?? reason}`);
}

function statusOf(status: PodStatus, container: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = status;
  const all = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
  return all.find(({ name }) => name === container);
}

function found(containerID: string): LogInstance {
  return { kind: 'found', containerID };
}

function none(text: string): LogInstance {
  return { kind: 'none', text };
}
