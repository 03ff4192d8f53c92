// All checks at once, each with its own time: one that hangs must not hide what the others found.

import { errorMessage } from '../lib/errors.ts';
import { apiServer } from './api-server.ts';
import { cgroups } from './cgroups.ts';
import { disk } from './disk.ts';
import type { Check, DoctorContext, Finding, Remark } from './finding.ts';
import { certificates, machine, user } from './identity.ts';
import { kernel, modules } from './kernel.ts';
import { limits } from './limits.ts';
import { memory, swap } from './memory.ts';
import { cni, dns, iptables, route } from './network.ts';
import { ports, rivals } from './rivals.ts';
import { runc, runtime } from './runtime.ts';
import { conntrack, inotify, sysctls } from './sysctls.ts';

/** In the order in which a machine is put together. */
export const CHECKS: readonly Check[] = [
  user,
  machine,
  kernel,
  modules,
  cgroups,
  memory,
  swap,
  limits,
  inotify,
  disk,
  runtime,
  runc,
  cni,
  iptables,
  sysctls,
  conntrack,
  route,
  dns,
  ports,
  rivals,
  certificates,
  apiServer,
];

const CHECK_TIMEOUT_MS = 1_500;

export async function examine(
  context: DoctorContext,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly Finding[]> {
  const findings = CHECKS.map(async check => {
    const remarks = await runCheck(check, context, signal);
    return remarks.map(remark => ({ check: check.name, ...remark }));
  });
  return (await Promise.all(findings)).flat();
}

async function runCheck(
  check: Check,
  context: DoctorContext,
  signal: AbortSignal,
): Promise<readonly Remark[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CHECK_TIMEOUT_MS)]);
  try {
    return await check.run(context, { signal: limit });
  } catch (error) {
    return [{ status: 'warn', message: `could not be looked at: ${errorMessage(error)}` }];
  }
}
