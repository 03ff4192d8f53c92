import { ensureSysctl, KUBELET_SYSCTLS, readSysctl, type Sysctl } from '../host/sysctl.ts';
import { InvalidError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

/** Kernel parameters that a node relies on; others (sysctl.d, Docker) set them back now and then. */
export class NodeSysctls {
  readonly #sysctls: readonly Sysctl[];
  readonly #logger: Logger;
  readonly #denied = new Set<string>();

  constructor(sysctls: readonly Sysctl[], logger: Logger) {
    this.#sysctls = sysctls;
    this.#logger = logger;
  }

  async ensure(): Promise<void> {
    for (const { name, value, why } of this.#sysctls) {
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

/** Sets what the kubelet sets. With protectKernelDefaults it only compares, and throws InvalidError with all that differs. */
export async function ensureKernelDefaults(
  { protectKernelDefaults }: { readonly protectKernelDefaults: boolean },
  logger: Logger,
): Promise<void> {
  if (!protectKernelDefaults) return await new NodeSysctls(KUBELET_SYSCTLS, logger).ensure();
  const differences: string[] = [];
  for (const { name, value } of KUBELET_SYSCTLS) {
    const actual = await readSysctl(name);
    if (actual !== value)
      differences.push(`${name.replaceAll('/', '.')} is ${actual ?? 'not there'}, not ${value}`);
  }
  if (differences.length === 0) return;
  const text = `protectKernelDefaults: ${differences.join('; ')}: set them with sysctl(8), or protectKernelDefaults: false`;
  throw new InvalidError(text, { code: 'KernelDefaults' });
}
