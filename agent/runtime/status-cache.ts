// Remembers CRI statuses for as long as the cheap lists show the same state, so that a look at a pod asks the
// runtime only about what moved.

import type { Container, ContainerStatus, PodSandbox, PodSandboxStatus } from '../../cri-proto/runtime.v1.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { NotFoundError } from '../lib/errors.ts';

export class StatusCache {
  readonly #runtime: RuntimeService;
  readonly #containers = new Map<string, ContainerStatus>();
  readonly #sandboxes = new Map<string, PodSandboxStatus>();

  constructor(runtime: RuntimeService) {
    this.#runtime = runtime;
  }

  /** The container's status; undefined when it was removed meanwhile. */
  async container({ id, state }: Container, signal: AbortSignal): Promise<ContainerStatus | undefined> {
    const cached = this.#containers.get(id);
    return cached?.state === state ? cached : await this.readContainer(id, signal);
  }

  async sandbox({ id, state }: PodSandbox, signal: AbortSignal): Promise<PodSandboxStatus | undefined> {
    const cached = this.#sandboxes.get(id);
    return cached?.state === state ? cached : await this.readSandbox(id, signal);
  }

  /** As the runtime has it now, whatever is remembered. */
  async readContainer(id: string, signal: AbortSignal): Promise<ContainerStatus | undefined> {
    const status = await notFoundAsUndefined(this.#runtime.containerStatus(id, { signal }));
    // A list and a status are two moments; a status ahead of the list is kept for the next look.
    if (status) this.#containers.set(id, status);
    return status;
  }

  async readSandbox(id: string, signal: AbortSignal): Promise<PodSandboxStatus | undefined> {
    const status = await notFoundAsUndefined(this.#runtime.podSandboxStatus(id, { signal }));
    if (status) this.#sandboxes.set(id, status);
    return status;
  }

  /** Forgets everything but the named containers and sandboxes. */
  retainOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#containers.keys()) if (!ids.has(id)) this.#containers.delete(id);
    for (const id of this.#sandboxes.keys()) if (!ids.has(id)) this.#sandboxes.delete(id);
  }
}

async function notFoundAsUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
