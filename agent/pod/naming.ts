// Names, labels, annotations and paths exactly as the kubelet gives them (pkg/kubelet/kuberuntime/labels.go,
// pkg/kubelet/kubelet_getters.go), so that crictl shows the same and either agent can take over from the other.

import type { Container, Pod } from '../api/objects.ts';

export const POD_NAME_LABEL = 'io.kubernetes.pod.name';
export const POD_NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';
export const POD_UID_LABEL = 'io.kubernetes.pod.uid';
export const CONTAINER_NAME_LABEL = 'io.kubernetes.container.name';

export const CONTAINER_HASH_ANNOTATION = 'io.kubernetes.container.hash';
export const RESTART_COUNT_ANNOTATION = 'io.kubernetes.container.restartCount';
export const TERMINATION_MESSAGE_PATH_ANNOTATION = 'io.kubernetes.container.terminationMessagePath';
export const TERMINATION_MESSAGE_POLICY_ANNOTATION = 'io.kubernetes.container.terminationMessagePolicy';
export const POD_DELETION_GRACE_ANNOTATION = 'io.kubernetes.pod.deletionGracePeriod';
export const POD_TERMINATION_GRACE_ANNOTATION = 'io.kubernetes.pod.terminationGracePeriod';
export const CONTAINER_PORTS_ANNOTATION = 'io.kubernetes.container.ports';

export const CONFIG_SOURCE_ANNOTATION = 'kubernetes.io/config.source';
export const CONFIG_SEEN_ANNOTATION = 'kubernetes.io/config.seen';

/** Where log shippers look for container logs by name. */
export const LOG_LINK_DIRECTORY = '/var/log/containers';

const LOG_LINK_NAME_MAX = 251; // file names end at 255 bytes, `.log` needs four

export function podUID(pod: Pod): string {
  return pod.metadata.uid ?? '';
}

export function podNamespace(pod: Pod): string {
  return pod.metadata.namespace ?? 'default';
}

/** `namespace/name`, as people and kubectl write it. */
export function fullName({ metadata }: Pod): string {
  return `${metadata.namespace ?? 'default'}/${metadata.name}`;
}

/** `name_namespace(uid)`, the kubelet's way to name a pod in messages. */
export function formatPod(pod: Pod): string {
  return `${pod.metadata.name}_${podNamespace(pod)}(${podUID(pod)})`;
}

export function podLogDirectory(
  podLogsDir: string,
  pod: { namespace: string; name: string; uid: string },
): string {
  return `${podLogsDir}/${pod.namespace}_${pod.name}_${pod.uid}`;
}

/** The symlink log shippers look for, e.g. `/var/log/containers/web-1_default_web-<container id>.log`. */
export function containerLogLink(
  linkDirectory: string,
  pod: { namespace: string; name: string },
  containerName: string,
  containerId: string,
): string {
  const name = `${pod.name}_${pod.namespace}_${containerName}-${containerId}`;
  return `${linkDirectory}/${name.slice(0, LOG_LINK_NAME_MAX)}.log`;
}

/** The hash by which a changed image is noticed; FNV-1a over Go's print form of the JSON bytes, as the kubelet's. */
export function buildContainerHash(container: Pick<Container, 'name' | 'image'>): string {
  const json = goJson({ image: container.image, name: container.name });
  const text = `([]uint8)[${[...new TextEncoder().encode(json)].join(' ')}]`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash.toString(16);
}

// Go's encoding/json escapes these three for HTML, JavaScript does not.
function goJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('&', '\\u0026');
}
