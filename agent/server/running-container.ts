import type { Pod } from '../api/objects.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';

/** The ID of the container of that name which runs now, whatever phase its pod is in. */
export function runningContainer(pod: Pod, name: string, snapshots: RuntimeSnapshots): string | undefined {
  const observed = snapshots.get(pod.metadata.uid ?? '');
  return observed?.containers.find(container => container.name === name && container.state === 'running')?.id;
}
