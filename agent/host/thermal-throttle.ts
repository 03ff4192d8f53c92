import { glob } from 'node:fs/promises';

/** Counters that tell what other tenants of the processors do; the kernel has them on some machines only. */
export async function listThermalThrottlePaths(): Promise<readonly string[]> {
  return await Array.fromAsync(glob('/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle'));
}
