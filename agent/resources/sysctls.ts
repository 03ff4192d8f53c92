// Which sysctls a pod may set (pkg/kubelet/sysctl): the safe ones, those the node's administrator allows, and neither in
// a namespace that the pod shares with the host.

import type { PodSpec } from '../api/objects.ts';

/** Safe: namespaced, and without influence on other pods. All are namespaced since Linux 4.15. */
const SAFE_SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
];

/** Why a pod's sysctls are refused; undefined when they are allowed. `allowedUnsafe` has names and `prefix*` patterns. */
export function findForbiddenSysctl(
  { securityContext, hostNetwork, hostIPC }: PodSpec,
  allowedUnsafe: readonly string[],
): string | undefined {
  const allowed = [...SAFE_SYSCTLS, ...allowedUnsafe.map(normalizeSysctl)];
  for (const { name } of securityContext?.sysctls ?? []) {
    const sysctl = normalizeSysctl(name);
    if (!allowed.some(pattern => matches(pattern, sysctl))) return `"${sysctl}" not allowlisted`;
    const namespace = namespaceOf(sysctl);
    if ((namespace === 'ipc' && hostIPC) || (namespace === 'net' && hostNetwork))
      return `"${sysctl}" not allowed with host ${namespace} enabled`;
  }
  return undefined;
}

function matches(pattern: string, sysctl: string): boolean {
  return pattern.endsWith('*') ? sysctl.startsWith(pattern.slice(0, -1)) : sysctl === pattern;
}

/** With dots between its parts: where the first separator is a slash, dots and slashes are exchanged (sysctl(8)). */
function normalizeSysctl(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  if (separator !== '/') return name;
  return name.replaceAll(/[./]/g, character => (character === '/' ? '.' : '/'));
}

function namespaceOf(sysctl: string): 'ipc' | 'net' {
  return sysctl.startsWith('net.') ? 'net' : 'ipc'; // what is namespaced and not the network's: semaphores, queues, shm
}
