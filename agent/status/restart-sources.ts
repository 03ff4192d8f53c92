import type { PodSpec } from '../api/objects.ts';
import { restartsAllContainers } from '../resources/restart-policy.ts';
import type { ObservedContainer, ObservedPod } from '../runtime/observed-pod.ts';

/**
 * The containers whose end makes all of the pod's containers start over (rule action RestartAllContainers). They are
 * the last to be removed, so as long as there is one the restart is not done, whoever began it.
 */
export function restartSources(spec: PodSpec, observed: ObservedPod): readonly ObservedContainer[] {
  const sources: ObservedContainer[] = [];
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const instance = observed.containers.find(({ name }) => name === container.name);
    if (instance?.state === 'exited' && restartsAllContainers(container, instance.exitCode))
      sources.push(instance);
  }
  return sources;
}
