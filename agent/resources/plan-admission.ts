// Whether this node takes a pod: the kubelet's checks in the kubelet's order, and its reasons and messages
// (pkg/kubelet/lifecycle/predicate.go, pkg/scheduler AdmissionCheck). Pure.

import type { Node, Pod } from '../api/objects.ts';
import { allContainers } from './containers.ts';
import { hasHostPortConflict } from './host-ports.ts';
import { matchesNode } from './node-affinity.ts';
import { isCriticalPod, isStaticPod } from './pod-class.ts';
import {
  buildPodRequests,
  isExtendedResource,
  parseResourceList,
  type ResourceList,
} from './pod-requests.ts';
import { findForbiddenSysctl } from './sysctls.ts';
import { findUntoleratedTaint } from './tolerations.ts';

export interface AdmissionInput {
  readonly pod: Pod;
  /** The pods that count: admitted here and not over, at their allocated size. */
  readonly others: readonly Pod[];
  readonly node: Node;
  readonly allowedUnsafeSysctls: readonly string[];
  readonly isAppArmorEnabled: boolean;
}

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

/** An amount of a resource that the pod asks for and the node has not left. */
export interface Shortage {
  readonly resource: string;
  readonly amount: number;
}

export type AdmissionVerdict =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  /** A critical pod that lacks nothing but room, for which others may have to go. */
  | {
      readonly kind: 'short';
      readonly rejection: Rejection;
      readonly shortages: readonly Shortage[];
    };

export function planAdmission(input: AdmissionInput): AdmissionVerdict {
  const early = findSysctlProblem(input) ?? findPlatformProblem(input);
  if (early) return { kind: 'rejected', rejection: early };
  const lacking = findLacking(input);
  const others = findMismatches(input);
  const [firstLacking] = lacking;
  const rejection = firstLacking?.rejection ?? others[0];
  if (rejection) {
    if (!isCriticalPod(input.pod)) return { kind: 'rejected', rejection };
    // Of a critical pod only what preemption cannot mend is a reason.
    const [mismatch] = others;
    if (mismatch) return { kind: 'rejected', rejection: mismatch };
    return { kind: 'short', rejection, shortages: lacking.map(({ shortage }) => shortage) };
  }
  const late = findAppArmorProblem(input);
  return late ? { kind: 'rejected', rejection: late } : { kind: 'admitted' };
}

function findSysctlProblem({ pod, allowedUnsafeSysctls }: AdmissionInput): Rejection | undefined {
  const forbidden = findForbiddenSysctl(pod.spec, allowedUnsafeSysctls);
  return forbidden === undefined
    ? undefined
    : { reason: 'SysctlForbidden', message: `forbidden sysctl: ${forbidden}` };
}

function findPlatformProblem({ pod, node }: AdmissionInput): Rejection | undefined {
  const osLabel = pod.metadata.labels?.['kubernetes.io/os'];
  if (osLabel !== undefined && osLabel !== 'linux') {
    const message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label";
    return { reason: 'PodOSSelectorNodeLabelDoesNotMatch', message };
  }
  if (pod.spec.os !== undefined && pod.spec.os.name !== 'linux') {
    return {
      reason: 'PodOSNotSupported',
      message: "Failed to admit pod as the OS field doesn't match node OS",
    };
  }
  const isStrict = pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict';
  if (isStrict && !node.status?.features?.supplementalGroupsPolicy) {
    const message = 'SupplementalGroupsPolicy=Strict is not supported in this node';
    return { reason: 'SupplementalGroupsPolicyNotSupported', message };
  }
  return undefined;
}

interface Lacking {
  readonly rejection: Rejection;
  readonly shortage: Shortage;
}

function findLacking({ pod, others, node }: AdmissionInput): readonly Lacking[] {
  const allocatable = parseResourceList(node.status?.allocatable);
  const used = others.map(other => buildPodRequests(other.spec));
  const usedOf = (resource: string): number =>
    used.reduce((sum, requests) => sum + (requests.get(resource) ?? 0), 0);
  const lacking: Lacking[] = [];
  const check = (resource: string, requested: number, taken: number): void => {
    const capacity = allocatable.get(resource) ?? 0;
    if (requested === 0 || requested <= capacity - taken) return;
    const message = `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${taken}, capacity: ${capacity}`;
    lacking.push({
      rejection: { reason: `OutOf${resource}`, message },
      shortage: { resource, amount: requested - (capacity - taken) },
    });
  };
  check('pods', 1, others.length);
  for (const [resource, requested] of inCheckOrder(buildPodRequests(pod.spec), allocatable)) {
    check(resource, requested, usedOf(resource));
  }
  return lacking;
}

// cpu, memory, ephemeral-storage, then the others. A vendor's resource that this node knows nothing of may be the
// cluster's as a whole (lifecycle.removeMissingExtendedResources).
function inCheckOrder(requests: ResourceList, allocatable: ResourceList): readonly [string, number][] {
  const first = ['cpu', 'memory', 'ephemeral-storage'];
  const others = [...requests].filter(
    ([name]) => !first.includes(name) && (allocatable.has(name) || !isExtendedResource(name)),
  );
  return [...first.map((name): [string, number] => [name, requests.get(name) ?? 0]), ...others];
}

function findMismatches({ pod, others, node }: AdmissionInput): readonly Rejection[] {
  const { spec } = pod;
  const mismatches: Rejection[] = [];
  const predicate = (name: string, description: string): void => {
    mismatches.push({ reason: name, message: `Predicate ${name} failed: ${description}` });
  };
  if (!matchesNode(spec, node)) {
    predicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  }
  if (spec.nodeName !== undefined && spec.nodeName !== '' && spec.nodeName !== node.metadata.name) {
    predicate('NodeName', "node(s) didn't match the requested node name");
  }
  const otherSpecs = others.map(other => other.spec);
  if (hasHostPortConflict(spec, otherSpecs)) {
    predicate('NodePorts', "node(s) didn't have free ports for the requested pod ports");
  }
  if (!isStaticPod(pod) && findUntoleratedTaint(node.spec?.taints ?? [], spec.tolerations ?? [])) {
    predicate('TaintToleration', "node(s) had taints that the pod didn't tolerate");
  }
  return mismatches;
}

function findAppArmorProblem({ pod, isAppArmorEnabled }: AdmissionInput): Rejection | undefined {
  if (isAppArmorEnabled || !asksForAppArmor(pod)) return undefined;
  return {
    reason: 'AppArmor',
    message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host',
  };
}

const APP_ARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';

function asksForAppArmor({ metadata, spec }: Pod): boolean {
  const contexts = [
    spec.securityContext,
    ...allContainers(spec).map(({ securityContext }) => securityContext),
  ];
  const isEnforced = (type: string | undefined): boolean => type !== undefined && type !== 'Unconfined';
  return (
    contexts.some(context => isEnforced(context?.appArmorProfile?.type)) ||
    Object.entries(metadata.annotations ?? {}).some(
      ([key, value]) => key.startsWith(APP_ARMOR_ANNOTATION) && value !== 'unconfined',
    )
  );
}
