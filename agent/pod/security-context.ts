// Kubernetes security contexts -> CRI (pkg/securitycontext, kuberuntime security_context_linux.go).

import type {
  IDMappingInput,
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  NamespaceOptionInput,
  SecurityProfile,
  UserNamespaceInput,
} from '../../cri-proto/runtime.v1.ts';
import type {
  AppArmorProfile,
  Container,
  Pod,
  PodSpec,
  SELinuxOptions,
  SeccompProfile,
} from '../api/objects.ts';
import type { ImageUser } from '../image/image-outcome.ts';
import type { IDRange } from './build-user-namespace.ts';
import { formatPod } from './naming.ts';
import type { PodUserNamespace } from './pod-context.ts';

const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

function buildNamespaceOptions(spec: PodSpec, user: PodUserNamespace): NamespaceOptionInput {
  return {
    network: spec.hostNetwork ? 'NODE' : 'POD',
    ipc: spec.hostIPC ? 'NODE' : 'POD',
    pid: spec.hostPID ? 'NODE' : spec.shareProcessNamespace ? 'POD' : 'CONTAINER',
    usernsOptions: buildUserNamespace(user),
  };
}

function buildUserNamespace(user: PodUserNamespace): UserNamespaceInput {
  if (user.kind !== 'own') return { mode: 'NODE' };
  const mappings = buildMappings(user.range);
  return { mode: 'POD', uids: mappings, gids: mappings };
}

/** Root of the pod is the first of its IDs on the host. */
export function buildMappings({ hostId, length }: IDRange): readonly IDMappingInput[] {
  return [{ hostId, containerId: 0, length }];
}

// An ephemeral container may join the PID namespace of the container it looks into (KEP-277).
function withTarget(options: NamespaceOptionInput, targetId: string | undefined): NamespaceOptionInput {
  return targetId === undefined || options.pid !== 'CONTAINER'
    ? options
    : { ...options, pid: 'TARGET', targetId };
}

export function buildSandboxSecurityContext(
  spec: PodSpec,
  user: PodUserNamespace,
): LinuxSandboxSecurityContext {
  const { runAsUser, runAsGroup } = spec.securityContext ?? {};
  const everyContainer = [...spec.containers, ...(spec.initContainers ?? [])];
  return {
    namespaceOptions: buildNamespaceOptions(spec, user),
    privileged: everyContainer.some(container => container.securityContext?.privileged === true),
    seccomp: { profileType: 'RuntimeDefault' },
    ...(runAsUser === undefined ? {} : { runAsUser: { value: runAsUser } }),
    ...(runAsGroup === undefined || runAsUser === undefined ? {} : { runAsGroup: { value: runAsGroup } }),
    ...groupsOf(spec),
    ...selinuxOptions(spec.securityContext?.seLinuxOptions),
  };
}

function groupsOf(
  spec: PodSpec,
  volumeGroups: readonly number[] = [],
): Pick<LinuxSandboxSecurityContext, GroupField> {
  const { fsGroup, supplementalGroups: own = [], supplementalGroupsPolicy } = spec.securityContext ?? {};
  const groups = [...own, ...volumeGroups.filter(group => !own.includes(group))];
  return {
    supplementalGroups: fsGroup === undefined ? groups : [fsGroup, ...groups],
    supplementalGroupsPolicy: supplementalGroupsPolicy === 'Strict' ? 'Strict' : 'Merge',
  };
}

type GroupField = 'supplementalGroups' | 'supplementalGroupsPolicy';

function selinuxOptions(
  selinuxOptions: SELinuxOptions | undefined,
): Pick<LinuxSandboxSecurityContext, 'selinuxOptions'> {
  return selinuxOptions ? { selinuxOptions } : {};
}

// The second spelling is for runtimes that do not know the first one.
function appArmor(
  profile: AppArmorProfile | undefined,
): Pick<LinuxContainerSecurityContext, 'apparmor' | 'apparmorProfile'> {
  const { localhostProfile = '' } = profile ?? {};
  switch (profile?.type) {
    case 'RuntimeDefault':
      return { apparmor: { profileType: 'RuntimeDefault' }, apparmorProfile: 'runtime/default' };
    case 'Unconfined':
      return { apparmor: { profileType: 'Unconfined' }, apparmorProfile: 'unconfined' };
    case 'Localhost':
      return {
        apparmor: { profileType: 'Localhost', localhostRef: localhostProfile },
        apparmorProfile: `localhost/${localhostProfile}`,
      };
    default:
      return {};
  }
}

/** What of the node and the pod's volumes a container's security is made of. */
export interface SecurityFacts {
  readonly rootDir: string;
  readonly isSeccompDefault: boolean;
  /** Processors' counters under /sys, hidden like what is hidden everywhere. */
  readonly maskedCpuPaths: readonly string[];
  /** Of PersistentVolumes that name the group of their users. */
  readonly volumeGroups: readonly number[];
  readonly userNamespace: PodUserNamespace;
}

export type ContainerSecurity =
  | { readonly kind: 'ok'; readonly context: LinuxContainerSecurityContext }
  | { readonly kind: 'refused'; readonly message: string };

export function buildContainerSecurity(
  pod: Pod,
  container: Container,
  imageUser: ImageUser,
  node: SecurityFacts,
  targetId: string | undefined,
): ContainerSecurity {
  const refusal = refuseRoot(pod, container, imageUser);
  if (refusal) return { kind: 'refused', message: refusal };
  const own = container.securityContext ?? {};
  const isUnmasked = own.procMount === 'Unmasked';
  return {
    kind: 'ok',
    context: {
      ...runAs(pod, container, imageUser),
      namespaceOptions: withTarget(buildNamespaceOptions(pod.spec, node.userNamespace), targetId),
      privileged: own.privileged === true,
      readonlyRootfs: own.readOnlyRootFilesystem === true,
      noNewPrivs: own.allowPrivilegeEscalation === false,
      capabilities: {
        addCapabilities: own.capabilities?.add ?? [],
        dropCapabilities: own.capabilities?.drop ?? [],
      },
      seccomp: seccompProfile(own.seccompProfile ?? pod.spec.securityContext?.seccompProfile, node),
      ...appArmor(own.appArmorProfile ?? pod.spec.securityContext?.appArmorProfile),
      ...selinuxOptions(own.seLinuxOptions ?? pod.spec.securityContext?.seLinuxOptions),
      ...groupsOf(pod.spec, node.volumeGroups),
      maskedPaths: isUnmasked ? [] : [...MASKED_PATHS, ...node.maskedCpuPaths],
      readonlyPaths: isUnmasked ? [] : READONLY_PATHS,
    },
  };
}

function effectiveUser(pod: Pod, container: Container): number | undefined {
  return container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser;
}

function runAs(pod: Pod, container: Container, imageUser: ImageUser): LinuxContainerSecurityContext {
  const user = effectiveUser(pod, container) ?? imageUser.uid;
  const group = container.securityContext?.runAsGroup ?? pod.spec.securityContext?.runAsGroup;
  const isNamed = user === undefined && imageUser.username !== '';
  return {
    ...(isNamed ? { runAsUsername: imageUser.username } : { runAsUser: { value: user ?? 0 } }),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
  };
}

// runAsNonRoot is a promise to check, not a user to choose: the texts are those of the kubelet.
function refuseRoot(pod: Pod, container: Container, imageUser: ImageUser): string | undefined {
  const isRequired = container.securityContext?.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot;
  if (isRequired !== true) return undefined;
  const where = `(pod: "${formatPod(pod)}", container: ${container.name})`;
  const user = effectiveUser(pod, container);
  if (user !== undefined) {
    return user === 0 ? `container's runAsUser breaks non-root policy ${where}` : undefined;
  }
  if (imageUser.uid === undefined && imageUser.username !== '') {
    return `container has runAsNonRoot and image has non-numeric user (${imageUser.username}), cannot verify user is non-root ${where}`;
  }
  return (imageUser.uid ?? 0) === 0
    ? `container has runAsNonRoot and image will run as root ${where}`
    : undefined;
}

function seccompProfile(profile: SeccompProfile | undefined, node: SecurityFacts): SecurityProfile {
  switch (profile?.type) {
    case 'RuntimeDefault':
      return { profileType: 'RuntimeDefault' };
    case 'Localhost':
      return {
        profileType: 'Localhost',
        localhostRef: `${node.rootDir}/seccomp/${profile.localhostProfile ?? ''}`,
      };
    case 'Unconfined':
      return { profileType: 'Unconfined' };
    default:
      return { profileType: node.isSeccompDefault ? 'RuntimeDefault' : 'Unconfined' };
  }
}
