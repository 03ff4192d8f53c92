import { ensureSysctl, NETWORK_SYSCTLS } from '../host/sysctl.ts';
import type { Logger } from '../lib/logger.ts';

/** The kernel parameters of a node that routes for its pods; others (sysctl.d, Docker) set them back now and then. */
export class NetworkSysctls {
  readonly #logger: Logger;
  readonly #denied = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async ensure(): Promise<void> {
    for (const { name, value, why } of NETWORK_SYSCTLS) {
      const outcome = await ensureSysctl({ name, value });
      if (outcome.kind === 'changed') this.#logger.info({ sysctl: name, value }, 'sysctl set');
      if (outcome.kind === 'denied' && !this.#denied.has(name)) {
        this.#denied.add(name);
        const fields = { sysctl: name, value: outcome.actual, wanted: value, reason: outcome.message, why };
        this.#logger.warn(fields, 'sysctl cannot be set');
      }
    }
  }
}
