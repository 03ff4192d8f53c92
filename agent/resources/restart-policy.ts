import type { Container, PodSpec } from '../api/objects.ts';

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

/** The policy that decides for a container: its own, or the pod's (default Always). */
export function restartPolicyOf(spec: PodSpec, container: Container): RestartPolicy {
  return (container.restartPolicy ?? spec.restartPolicy ?? 'Always') as RestartPolicy; // validated by the API server
}

/** Whether a container that ended with `exitCode` is to run again. */
export function shouldRestart(policy: RestartPolicy, exitCode: number): boolean {
  switch (policy) {
    case 'Always':
      return true;
    case 'OnFailure':
      return exitCode !== 0;
    case 'Never':
      return false;
  }
}
