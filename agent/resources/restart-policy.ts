// Whether a container runs again (pkg/api/v1/pod ContainerShouldRestart).

import type { Container, ContainerRestartRule, PodSpec } from '../api/objects.ts';

const RESTART_ALL = 'RestartAllContainers';

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

/** The policy that decides for a container: its own, or the pod's (default Always). */
export function restartPolicyOf(spec: PodSpec, container: Container): RestartPolicy {
  return (container.restartPolicy ?? spec.restartPolicy ?? 'Always') as RestartPolicy; // validated by the API server
}

/** Whether a container that ended with `exitCode` is to run again; its own rules come before its policy. */
export function isRestartedAfterExit(spec: PodSpec, container: Container, exitCode: number): boolean {
  if (matchingRule(container, exitCode)) return true;
  switch (restartPolicyOf(spec, container)) {
    case 'OnFailure':
      return exitCode !== 0;
    case 'Never':
      return false;
    default:
      return true; // an unknown policy is Always, the default
  }
}

/** Whether a container that the node stops, say for a probe, runs again: how it then exits has no say. */
export function isRestartedAfterStop(spec: PodSpec, container: Container): boolean {
  return restartPolicyOf(spec, container) !== 'Never';
}

/** Whether a container that ended with `exitCode` makes the whole pod start over in its sandbox (KEP-5532). */
export function restartsAllContainers(container: Container, exitCode: number): boolean {
  return matchingRule(container, exitCode)?.action === RESTART_ALL;
}

/** Whether any end of a container could make the pod start over. */
export function mayRestartAllContainers({ initContainers = [], containers }: PodSpec): boolean {
  return [...initContainers, ...containers].some(({ restartPolicyRules = [] }) =>
    restartPolicyRules.some(({ action }) => action === RESTART_ALL),
  );
}

/** The first rule that the exit code satisfies (KEP-5307); each of its actions is a restart. */
function matchingRule(container: Container, exitCode: number): ContainerRestartRule | undefined {
  return container.restartPolicyRules?.find(({ exitCodes }) => {
    const isListed = exitCodes?.values?.includes(exitCode) ?? false;
    return exitCodes?.operator === 'NotIn' ? !isListed : isListed;
  });
}
