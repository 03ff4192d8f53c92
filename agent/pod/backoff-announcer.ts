import type { Pod } from '../api/objects.ts';
import type { WaitingReason } from './memory.ts';
import type { PodEvents } from './pod-events.ts';

/** Tells each back-off of a pod's containers once. */
export class BackoffAnnouncer {
  readonly #events: PodEvents;
  readonly #announced = new Map<string, string>();

  constructor(events: PodEvents) {
    this.#events = events;
  }

  /** `waiting` by container name: those that are held back now. */
  announce(pod: Pod, waiting: ReadonlyMap<string, WaitingReason>): void {
    for (const name of this.#announced.keys()) {
      if (!waiting.has(name)) this.#announced.delete(name);
    }
    for (const [name, { message }] of waiting) {
      if (this.#announced.get(name) === message) continue;
      this.#announced.set(name, message);
      const { namespace = 'default', uid = '' } = pod.metadata;
      const where = `${name} in pod ${pod.metadata.name}_${namespace}(${uid})`;
      const text = `Back-off restarting failed container ${where}`;
      this.#events.container(pod, name)('Warning', 'BackOff', text);
    }
  }
}
