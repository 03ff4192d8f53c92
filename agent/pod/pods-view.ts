// Pods as others may see them: the object as asked for, with the newest status, also one that is not written yet.

import type { Pod } from '../api/objects.ts';
import type { PreparedVolume } from '../volume/prepared-volume.ts';
import type { StatusReporter } from './status-reporter.ts';
import type { PodWorkers } from './workers.ts';

export class PodsView {
  readonly #workers: PodWorkers;
  readonly #statuses: StatusReporter;

  constructor({ workers, statuses }: { readonly workers: PodWorkers; readonly statuses: StatusReporter }) {
    this.#workers = workers;
    this.#statuses = statuses;
  }

  /** Without the newest statuses, which are work to put together. */
  desired(): readonly Pod[] {
    return this.#workers.desiredPods();
  }

  all(): readonly Pod[] {
    return this.#workers.desiredPods().map(pod => this.#withStatus(pod));
  }

  /** Two of one name are there for a moment when a pod is replaced; the newer one is meant. */
  find(namespace: string, name: string): Pod | undefined {
    const found = this.#workers
      .desiredPods()
      .filter(({ metadata }) => metadata.name === name && (metadata.namespace ?? 'default') === namespace)
      .at(-1);
    return found && this.#withStatus(found);
  }

  /** What the pod's volumes are for its containers; undefined before they are set up. */
  volumesOf(podUID: string): ReadonlyMap<string, PreparedVolume> | undefined {
    return this.#workers.get(podUID)?.memory.volumes;
  }

  #withStatus(pod: Pod): Pod {
    return { ...pod, status: this.#statuses.peek(pod) };
  }
}
