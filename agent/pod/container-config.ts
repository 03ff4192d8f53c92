// CRI ContainerConfig of one container (kuberuntime_container.go generateContainerConfig).

import type { ContainerConfig, MountInput } from '../../cri-proto/runtime.v1.ts';
import type { Container, Pod } from '../api/objects.ts';
import type { ImageUser } from '../image/image-outcome.ts';
import { type PreparedVolume, volumeGroups } from '../volume/prepared-volume.ts';
import { buildDevices, buildMounts, terminationMessagePath } from './build-mounts.ts';
import { buildContainerResources } from './container-resources.ts';
import { expandAll } from './expansion.ts';
import {
  buildContainerHash,
  CONTAINER_HASH_ANNOTATION,
  CONTAINER_NAME_LABEL,
  CONTAINER_PORTS_ANNOTATION,
  POD_DELETION_GRACE_ANNOTATION,
  POD_NAME_LABEL,
  POD_NAMESPACE_LABEL,
  POD_TERMINATION_GRACE_ANNOTATION,
  POD_UID_LABEL,
  podNamespace,
  podUID,
  RESTART_COUNT_ANNOTATION,
  TERMINATION_MESSAGE_PATH_ANNOTATION,
  TERMINATION_MESSAGE_POLICY_ANNOTATION,
} from './naming.ts';
import type { PodContext } from './pod-context.ts';
import { buildContainerSecurity, buildMappings } from './security-context.ts';

export interface ContainerInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly imageRef: string;
  readonly imageUser: ImageUser;
  readonly variables: ReadonlyMap<string, string>;
  readonly volumes: ReadonlyMap<string, PreparedVolume>;
  /** What the container's subPath mounts are bound to, by their place in its `volumeMounts`. */
  readonly subPaths: ReadonlyMap<number, string>;
  readonly hostsFile: string | undefined;
  readonly terminationMessageFile: string;
  /** The container an ephemeral one shares its PID namespace with. */
  readonly targetId: string | undefined;
  readonly context: PodContext;
}

export type ContainerConfigOutcome =
  | { readonly kind: 'ok'; readonly config: ContainerConfig }
  /** Becomes the waiting reason CreateContainerConfigError. */
  | { readonly kind: 'refused'; readonly message: string };

export function buildContainerConfig(input: ContainerInput): ContainerConfigOutcome {
  const { pod, container, attempt, variables, context } = input;
  const facts = { ...context, volumeGroups: volumeGroups(input.volumes.values()) };
  const security = buildContainerSecurity(pod, container, input.imageUser, facts, input.targetId);
  if (security.kind === 'refused') return security;
  const { supportsRecursiveReadOnly, runtimeVersion } = context;
  const mounts = buildMounts({ ...input, supportsRecursiveReadOnly, runtimeVersion });
  if (mounts.kind === 'refused') return mounts;
  const devices = buildDevices(container, input.volumes);
  if (devices.kind === 'refused') return devices;
  return {
    kind: 'ok',
    config: {
      metadata: { name: container.name, attempt },
      image: { image: input.imageRef, userSpecifiedImage: container.image },
      command: expandAll(container.command ?? [], variables),
      args: expandAll(container.args ?? [], variables),
      workingDir: container.workingDir ?? '',
      envs: [...variables].map(([key, value]) => ({ key, value: Buffer.from(value) })),
      mounts: withMappings(mounts.mounts, context),
      devices: devices.devices,
      labels: {
        [POD_NAME_LABEL]: pod.metadata.name,
        [POD_NAMESPACE_LABEL]: podNamespace(pod),
        [POD_UID_LABEL]: podUID(pod),
        [CONTAINER_NAME_LABEL]: container.name,
      },
      annotations: buildAnnotations(pod, container, attempt),
      logPath: `${container.name}/${attempt}.log`,
      stdin: container.stdin === true,
      stdinOnce: container.stdinOnce === true,
      tty: container.tty === true,
      linux: {
        resources: buildContainerResources(pod, container, context),
        securityContext: security.context,
      },
    },
  };
}

// With the same mapping as the namespace, files keep their owners: who is root in the pod is root in its volumes.
function withMappings(mounts: readonly MountInput[], { userNamespace }: PodContext): readonly MountInput[] {
  if (userNamespace.kind !== 'own') return mounts;
  const mappings = buildMappings(userNamespace.range);
  return mounts.map(mount => ({ ...mount, uidMappings: mappings, gidMappings: mappings }));
}

function buildAnnotations(pod: Pod, container: Container, attempt: number): Record<string, string> {
  const { deletionGracePeriodSeconds } = pod.metadata;
  const { terminationGracePeriodSeconds } = pod.spec;
  return {
    [CONTAINER_HASH_ANNOTATION]: buildContainerHash(container),
    [RESTART_COUNT_ANNOTATION]: String(attempt),
    [TERMINATION_MESSAGE_PATH_ANNOTATION]: terminationMessagePath(container),
    [TERMINATION_MESSAGE_POLICY_ANNOTATION]: container.terminationMessagePolicy ?? 'File',
    ...(deletionGracePeriodSeconds === undefined
      ? {}
      : { [POD_DELETION_GRACE_ANNOTATION]: String(deletionGracePeriodSeconds) }),
    ...(terminationGracePeriodSeconds === undefined
      ? {}
      : { [POD_TERMINATION_GRACE_ANNOTATION]: String(terminationGracePeriodSeconds) }),
    ...(container.ports?.length ? { [CONTAINER_PORTS_ANNOTATION]: JSON.stringify(container.ports) } : {}),
  };
}
