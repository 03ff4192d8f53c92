// Who owns the cgroup tree is the runtime's to say (CRI RuntimeConfig, KEP-4033); a runtime that cannot say it, as
// containerd before 2.0, is believed to be configured like us.
import type { RuntimeService } from '../cri/runtime-service.ts';
import type { CgroupDriver } from '../host/cgroup-names.ts';
import { Backoff } from '../lib/backoff.ts';
import { InvalidError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';

export interface RuntimeCgroupDriverDeps {
  readonly runtime: Pick<RuntimeService, 'runtimeConfig'>;
  readonly configured: CgroupDriver;
  readonly logger: Logger;
}

export class RuntimeCgroupDriver {
  readonly #deps: RuntimeCgroupDriverDeps;
  readonly #known = Promise.withResolvers<void>();
  #current: CgroupDriver;

  constructor(deps: RuntimeCgroupDriverDeps) {
    this.#deps = deps;
    this.#current = deps.configured;
  }

  /** The configured driver until `known`. */
  get current(): CgroupDriver {
    return this.#current;
  }

  /** Resolves once the runtime has answered: no cgroup may be made before. Never, while there is no runtime. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** Asks until there is an answer. */
  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { configured, logger } = this.#deps;
    const backoff = new Backoff({ initialMs: 50, maxMs: 1000, jitter: 0.2 });
    while (!signal.aborted) {
      try {
        this.#current = (await this.#ask(signal)) ?? configured;
        if (this.#current !== configured) {
          logger.warn({ configured, runtime: this.#current }, "using the runtime's cgroup driver");
        }
        this.#known.resolve();
        return;
      } catch (error) {
        if (signal.aborted) return;
        logger.debug({ err: error }, 'cgroup driver is not known yet'); // the node's condition tells why
        await sleep(backoff.nextMs(), { signal });
      }
    }
  }

  async #ask(signal: AbortSignal): Promise<CgroupDriver | undefined> {
    try {
      const { linux } = await this.#deps.runtime.runtimeConfig({ signal });
      if (linux === null) return undefined;
      return linux.cgroupDriver === 'SYSTEMD' ? 'systemd' : 'cgroupfs';
    } catch (error) {
      if (error instanceof InvalidError && error.code === 'Unimplemented') return undefined;
      throw error;
    }
  }
}
