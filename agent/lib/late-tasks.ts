import { waitAborted } from './abort.ts';
import { TaskGroup } from './task-group.ts';

type Task = (signal: AbortSignal) => Promise<void>;

/** Tasks of an object that is used before it runs: what is started earlier begins with `run`. */
export class LateTasks {
  #waiting: Task[] = [];
  #group: TaskGroup | undefined;

  /** Lives until the signal aborts or a task fails. */
  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup({ signal });
    this.#group = group;
    group.run(waitAborted); // there may be no task for a long time
    for (const task of this.#waiting) group.run(task);
    this.#waiting = [];
    await group.join();
  }

  /** The task ends by its own signal too. */
  start(task: Task, { signal }: { signal: AbortSignal }): void {
    const bounded: Task = own => (signal.aborted ? Promise.resolve() : task(AbortSignal.any([own, signal])));
    if (this.#group) this.#group.run(bounded);
    else this.#waiting.push(bounded);
  }
}
